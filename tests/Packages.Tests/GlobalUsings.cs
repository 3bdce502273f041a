global using System.Globalization;
global using Brownian.Packages.Tests;
global using Brownian.Tests.Programs;
global using Xunit;

[assembly: AssemblyFixture(typeof(PublishedPackages))]
