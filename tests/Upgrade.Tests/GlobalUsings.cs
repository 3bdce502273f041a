global using System.Globalization;
global using Brownian.Testing.Nodes;
global using Brownian.Testing.Servers;
global using Brownian.Tests.Programs;
global using Brownian.Upgrade.Saver;
global using Xunit;

[assembly: Brownian.Testing.Nodes.FailOnServerErrors]
