global using Brownian.Testing.Contracts;
global using Brownian.Tests.Programs;
global using Xunit;
