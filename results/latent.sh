# The model of docs/models.md, "A latent model", and the rows of results/latent; mnist.npz has x_train and y_train.
set -e
benchbox train mnist.npz --key x_train --labels y_train -o models --name mnist-latent --latent \
  --autoencoder-widths 16:64 --autoencoder-steps 3000 --widths 64 --steps 2000 --lr 0.002 --ema 0.998 \
  --set p_mean=-0.6 --set p_std=1.3 --precision bfloat16 --features mnist-cnn --dataset mnist --device cpu \
  --licence "MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges; CC BY-SA 3.0"
benchbox run --results results/latent --model models/mnist-latent.json --sampler ancestral,ddim,heun --nfe 10,20 --device cpu
