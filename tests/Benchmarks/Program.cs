using BenchmarkDotNet.Running;
using Brownian.Benchmarks;

if (args is ["server", string grpc, string operatorGrpc, string operatorHttp])
{
    await ServerBenchmark.RunAsync(grpc, operatorGrpc, operatorHttp);
    return;
}
if (args is ["refusals", string refusalsGrpc, string refusalsHttp, string refusalsOperators, string redis])
{
    await RefusalBenchmark.RunAsync(refusalsGrpc, refusalsHttp, refusalsOperators, redis);
    return;
}
if (args is ["loras", string model, .. { Length: <= 1 } limit])
{
    await LoraBenchmark.RunAsync(model, limit is [string mebibytes] ? long.Parse(mebibytes, CultureInfo.InvariantCulture) << 20 : null);
    return;
}
if (args is ["queues", string broker])
{
    await QueueBenchmark.RunAsync(broker);
    return;
}
if (args is ["direct", .. { Length: > 0 } gateways])
{
    await DirectBenchmark.RunAsync(gateways);
    return;
}
if (args is ["access", .. string[] arguments])
{
    await AccessBenchmark.RunAsync(arguments);
    return;
}
if (args is ["graphs" or "operators", string side, string times, .. { Length: > 0 } graphs])
{
    GraphBenchmark.Run(
        int.Parse(side, CultureInfo.InvariantCulture), int.Parse(times, CultureInfo.InvariantCulture), graphs, isProfiled: args[0] == "operators");
    return;
}
if (args is ["made-up", string checkpoint, string made])
{
    Console.WriteLine(ImportBenchmark.Write(checkpoint, made));
    return;
}
if (args is ["import", string folder, .. string[] checkpoints])
{
    await ImportBenchmark.RunAsync(folder, checkpoints);
    return;
}
if (args is ["unload"])
{
    await UnloadBenchmark.RunAsync();
    return;
}
BenchmarkSwitcher.FromAssembly(typeof(StepBenchmarks).Assembly).Run(args);
