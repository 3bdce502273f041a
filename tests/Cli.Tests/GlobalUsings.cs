global using Brownian.Tests.Programs;
global using Xunit;
