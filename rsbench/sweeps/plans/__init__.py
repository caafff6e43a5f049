"""Plans: what a sweep would do, what it would cost as far as earlier runs tell, and what is missing."""
