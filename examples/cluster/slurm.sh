#!/bin/bash
# sbatch slurm.sh: one process a node, with all its cores as threads. A job that is ended by the queue is begun again
# and goes on from what was saved.
#SBATCH --job-name=mbgd
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=01:00:00
#SBATCH --requeue

# mpi4py is to be built for the MPI of the cluster: pip install --no-binary mpi4py mpi4py
module load openmpi
source "$HOME/venv/bin/activate"
srun --mpi=pmix --cpus-per-task="$SLURM_CPUS_PER_TASK" python -m mpi4py train.py /data/rows
