"""Jobs on a cluster: what submitit submits, what SLURM answers, and how jobs end."""
