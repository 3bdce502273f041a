global using Brownian.Diffusion.Faults;
