global using System.Globalization;
global using Brownian.Platform.Tests.Servers;
global using Brownian.Tests.Programs;
global using Xunit;

[assembly: Brownian.Platform.Tests.Nodes.FailOnServerErrors]
[assembly: AssemblyFixture(typeof(RealServers))]
