"""Clusters: Slurm scripts, submission, requeueing."""
