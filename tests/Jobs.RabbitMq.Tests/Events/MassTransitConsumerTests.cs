using System.Threading.Channels;
using Brownian.Contracts;
using Brownian.Jobs.Records;
using MassTransit;

namespace Brownian.Jobs.RabbitMq.Tests.Events;

/// <summary>A service with MassTransit, configured in the way of the example, reads the plain JSON as the contracts' types.</summary>
public sealed class MassTransitConsumerTests(RealServers servers)
{
    private static readonly DateTimeOffset Start = new(2030, 1, 2, 3, 4, 5, 250, TimeSpan.Zero);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_MassTransit_consumer_receives_events_as_their_types_and_repetitions_under_one_message_id()
    {
        await using EventCluster cluster = await EventCluster.StartAsync(servers);
        string model = "stub-" + Guid.NewGuid().ToString("n")[..8];
        var received = Channel.CreateUnbounded<(object Event, Guid? Id)>();
        RabbitMqServer server = await servers.RabbitMq;
        IBusControl bus = Bus.Factory.CreateUsingRabbitMq(configure =>
        {
            configure.Host(server.Uri);
            configure.UseRawJsonDeserializer();
            configure.ReceiveEndpoint($"consumer-{model}", endpoint =>
            {
                (endpoint.Durable, endpoint.AutoDelete) = (false, true);
                endpoint.ConfigureConsumeTopology = false;
                Bind(endpoint, EventExchanges.JobAccepted);
                Bind(endpoint, EventExchanges.JobStarted);
                Bind(endpoint, EventExchanges.JobEnded);
                endpoint.Handler<JobAccepted>(ReceiveAsync);
                endpoint.Handler<JobStarted>(ReceiveAsync);
                endpoint.Handler<JobEnded>(ReceiveAsync);
            });
        });
        await bus.StartAsync(Stop);
        try
        {
            StoredJob job = await cluster.Store.CreatedAsync(TestJobs.New(Start, model));
            job = await cluster.StepAsync(job, current => JobRules.Accept(current, Start));
            (JobAccepted accepted, _) = await NextAsync<JobAccepted>();
            job = await cluster.StepAsync(job, current => JobRules.Take(current, "worker", Start.AddSeconds(1), TestJobs.Policy));
            (JobStarted started, _) = await NextAsync<JobStarted>();
            var artifact = new JobArtifact(JobArtifact.IdOf(job.Definition.Id, 0), 0, ulong.MaxValue, 64, 32, "image/png", 1234, "abc");
            job = await cluster.StepAsync(job, current => JobRules.AddArtifact(current, 1, artifact, Start));
            job = await cluster.StepAsync(job, current => JobRules.Cancel(current, Start.AddSeconds(2), TestJobs.Policy));
            (JobEnded ended, Guid? id) = await NextAsync<JobEnded>();

            Assert.Equal((job.Definition.Id, model, Start), (accepted.JobId, accepted.Model, accepted.Created));
            Assert.Equal(model, accepted.Labels["model"]);
            Assert.Equal((job.Definition.Id, Start.AddSeconds(1)), (started.JobId, started.Started));
            Assert.Equal((JobEndState.Cancelled, Start.AddSeconds(2)), (ended.State, ended.Ended));
            Assert.Equal((ulong.MaxValue, 1234L), (Assert.Single(ended.Artifacts).Seed, ended.Artifacts[0].Size));

            await Eventually.TrueAsync(
                () =>
                {
                    // It is not published again while the first one is still on its way out of the outbox.
                    cluster.Post(job, IntegrationEventKind.Ended);
                    return Task.FromResult(received.Reader.TryPeek(out _));
                },
                "a repetition is heard");
            (JobEnded again, Guid? sameId) = await NextAsync<JobEnded>();
            Assert.Equal((ended.EventId, id), (again.EventId, sameId));
            Assert.NotNull(id);
        }
        finally
        {
            await bus.StopAsync(CancellationToken.None);
        }

        void Bind(IRabbitMqReceiveEndpointConfigurator endpoint, string exchange) => endpoint.Bind(exchange, binding =>
        {
            binding.ExchangeType = RabbitMQ.Client.ExchangeType.Topic;
            binding.RoutingKey = $"{model}.*";
        });

        Task ReceiveAsync<T>(ConsumeContext<T> context)
            where T : class
        {
            received.Writer.TryWrite((context.Message, context.MessageId));
            return Task.CompletedTask;
        }

        async Task<(T Event, Guid? Id)> NextAsync<T>()
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            deadline.CancelAfter(Eventually.Deadline);
            (object message, Guid? id) = await received.Reader.ReadAsync(deadline.Token);
            return (Assert.IsType<T>(message), id);
        }
    }
}
