#!/bin/sh
# The rows of results/reference: 10,000 samples a cell on mnist-edm. Run it in the root of the repository, with
# plugins/benchbox-solvers installed; it goes on where it was stopped, and the cells that tell most come first.
set -e
asked=dpm-solver++2m,unipc,deis,ipndm,dpm-solver++2m-sde,euler-ancestral
built_in=ddim,heun,ode,ancestral,pc,euler-maruyama
run() {
  benchbox run --results results/reference --model mnist-edm --samples 10000 --metric fid "$@"
}
for nfe in 10 5 20 8 35; do
  run --sampler $asked,$built_in --nfe $nfe --seed 0
done
for nfe in 10 5 20 8 35; do
  run --sampler $asked,$built_in --nfe $nfe --seed 1,2
done
others=dpm-solver,dpm-solver++2s,dpm-solver++3m,dpm-solver++3m-sde,dpm-solver++sde,dpm2,dpm2-ancestral
others=$others,exponential-integrator,lms,pndm,sa-solver
run --sampler $others --nfe 10,5,20 --seed 0
benchbox run --results results/reference --model mnist-edm --samples 2000 --metric fid --sampler ancestral --nfe 1000
benchbox run --results results/reference --model mnist-ncsn --samples 2000 --metric fid \
  --sampler annealed-langevin --nfe 1000
