#!/bin/sh
# The rows of this folder: four samplers on mnist-edm with their recommended and with tuned levels.
# Run it in the root of the repository; it goes on where it was stopped. Levels are tuned on seed 0 and checked on seed 1.
set -e
samplers=ddim,ipndm,unipc,dpm-solver++2m
folder=results/tuned
benchbox tune --sampler $samplers --nfe 5,6,8 --model mnist-edm -o $folder/mnist-edm.json
for seed in ${SEEDS:-2 3 4}; do
  for grid in "" "--grid file:$folder/mnist-edm.json"; do
    benchbox run --results $folder --sampler $samplers --nfe 5,6,8 --model mnist-edm $grid --samples 2000 --seed $seed \
      --metric fid,ode_error --set ode_error.sigma_min=0.002 --no-isolate
  done
done
