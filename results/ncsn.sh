#!/bin/sh
# The rows of results/ncsn: annealed Langevin dynamics on mnist-ncsn. Steps per level and step sizes are those of
# docs/noise_ladder.py. Run it in the root of the repository; it goes on where it was stopped.
# `python docs/quality.py build/ncsn/…` states the share of recognised digits.
set -e
run() {
  nfe=$1 steps=$2 step_size=$3
  benchbox run --results results/ncsn --model mnist-ncsn --sampler annealed-langevin --nfe $nfe --samples 500 \
    --metric fid --device cpu --save-samples build/ncsn --set steps_per_level=$steps --set step_size=$step_size
}
run 50 1 0.533
run 50 1 1.032
run 100 1 0.281
run 100 1 0.75
run 200 2 0.262
run 200 1 0.538
run 500 5 0.216
run 1000 10 0.168
