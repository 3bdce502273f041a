global using System.Globalization;
global using Brownian.Platform.Tests.Nodes;
global using Brownian.Platform.Tests.Servers;
global using Brownian.Tests.Programs;
global using Brownian.Upgrade.Saver;
global using Xunit;
