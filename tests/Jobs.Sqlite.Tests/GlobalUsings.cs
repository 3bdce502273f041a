global using Brownian.Testing.Contracts;
global using Brownian.Testing.Nodes;
global using Brownian.Tests.Programs;
global using Xunit;

[assembly: FailOnServerErrors]
