"""Work on other machines: what a Ray executor is made of, and the script that brings up Ray under Slurm."""
