"""The leaderboard: one page that holds everything, for a browser without a server."""
