"""The leaderboard: one page that holds everything, for a browser without a server."""

from rsbench.reporting.leaderboard.write import Written, write_leaderboard

__all__ = ["Written", "write_leaderboard"]
