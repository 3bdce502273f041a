global using System.Globalization;
global using Brownian.Import.Graphs;
