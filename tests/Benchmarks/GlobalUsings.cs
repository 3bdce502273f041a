global using System.Globalization;
global using Brownian.Tests.Programs;
