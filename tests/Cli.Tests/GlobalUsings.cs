global using Brownian.Diffusion.Faults;
global using Brownian.Tests.Programs;
global using Xunit;
