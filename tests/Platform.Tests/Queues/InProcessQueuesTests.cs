using Brownian.Platform.InProcess;
using Brownian.Platform.Queues;

namespace Brownian.Platform.Tests.Queues;

public sealed class InProcessQueuesTests : StageQueuesContract
{
    protected override Task<IStageQueues> CreateAsync() => Task.FromResult<IStageQueues>(new InProcessQueues());
}
