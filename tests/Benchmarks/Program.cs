using BenchmarkDotNet.Running;
using Brownian.Benchmarks;

if (args is ["server", string grpc, string http])
{
    await ServerBenchmark.RunAsync(grpc, http);
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(StepBenchmarks).Assembly).Run(args);
