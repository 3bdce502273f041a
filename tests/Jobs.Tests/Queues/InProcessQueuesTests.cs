using Brownian.Jobs.InProcess;
using Brownian.Jobs.Queues;

namespace Brownian.Jobs.Tests.Queues;

public sealed class InProcessQueuesTests : StageQueuesContract
{
    protected override Task<IStageQueues> CreateAsync() => Task.FromResult<IStageQueues>(new InProcessQueues());
}
