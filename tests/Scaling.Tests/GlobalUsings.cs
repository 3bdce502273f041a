global using System.Globalization;
global using Brownian.Testing.Nodes;
global using Xunit;

[assembly: FailOnServerErrors]
