global using Brownian.Testing.Contracts;
global using Brownian.Testing.Nodes;
global using Brownian.Testing.Servers;
global using Xunit;

[assembly: FailOnServerErrors]
[assembly: AssemblyFixture(typeof(RealServers))]
