using Brownian.Upgrade.Saver;

// tests/Upgrade/save builds and runs it in a checkout of the earlier version; it is built with today's programs so that it stays compilable.
switch (args)
{
    case ["one-process", string repository, string output, string data]:
        await OneProcess.SaveAsync(repository, output, data);
        return 0;
    case ["cluster", string repository, string output, string rabbitMq, string redis]:
        await Cluster.SaveAsync(repository, output, new Uri(rabbitMq), redis);
        return 0;
    case ["definitions", string definitions, string file]:
        await Broker.WriteDefinitionsAsync(definitions, file);
        return 0;
    default:
        await Console.Error.WriteLineAsync(
            "usage: one-process REPOSITORY OUTPUT DATA | cluster REPOSITORY OUTPUT AMQP-URI REDIS | definitions EXPORTED FILE");
        return 2;
}
