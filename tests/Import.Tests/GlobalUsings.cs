global using System.Globalization;
global using Brownian.Tests.Programs;
global using Xunit;

[assembly: AssemblyFixture(typeof(Brownian.Import.Tests.Checkpoints))]
