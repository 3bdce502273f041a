global using System.Globalization;
global using Brownian.Diffusion.Faults;
