global using System.Globalization;
global using Brownian.Testing.Nodes;
global using Brownian.Tests.Programs;
global using Xunit;

[assembly: FailOnServerErrors]
