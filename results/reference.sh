#!/bin/sh
# The rows of results/reference: 10,000 samples a cell on mnist-edm. Run it in the root of the repository, with
# plugins/benchbox-solvers installed; it goes on where it was stopped, and the cells that tell most come first.
# ancestral comes late: on these levels its samples are those of euler-ancestral.
set -e
strong=ode,dpm-solver++2m,deis,dpm-solver++2m-sde,ipndm,unipc,euler-ancestral,ddim
built_in=heun,pc,euler-maruyama,ancestral
others=dpm-solver,dpm-solver++2s,dpm-solver++3m,dpm-solver++3m-sde,dpm-solver++sde,dpm2,dpm2-ancestral
others=$others,exponential-integrator,lms,pndm,sa-solver
run() {
  benchbox run --results results/reference --model mnist-edm --samples 10000 --metric fid "$@"
}
run --sampler $strong,$built_in,$others --nfe 10 --seed 0
run --sampler $strong,$built_in --nfe 5 --seed 0
run --sampler $strong --nfe 10,5 --seed 1,2
run --sampler $strong,heun --nfe 20 --seed 0
benchbox run --results results/reference --model mnist-edm --samples 2000 --metric fid --sampler heun,ode --nfe 50
benchbox run --results results/reference --model mnist-edm --samples 2000 --metric fid --sampler ancestral --nfe 50,1000
benchbox run --results results/reference --model mnist-ncsn --samples 2000 --metric fid \
  --sampler annealed-langevin --nfe 1000 --set steps_per_level=10 --set step_size=0.168
run --sampler $strong --nfe 8 --seed 0
run --sampler $strong --nfe 8,20 --seed 1,2
run --sampler $strong --nfe 35 --seed 0
run --sampler $strong --nfe 35 --seed 1,2
run --sampler $built_in --nfe 10,5,20,8 --seed 0,1,2
run --sampler $others --nfe 5,20 --seed 0
run --sampler $built_in --nfe 35 --seed 0,1,2
