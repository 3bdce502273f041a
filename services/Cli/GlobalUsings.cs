global using System.Globalization;
global using Brownian.Cli.Help;
global using Brownian.Diffusion.Faults;
