using Brownian.Diffusion.Faults;
using Brownian.Jobs.Records;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Hosting.Tests;

/// <summary>A data folder belongs to one process at a time.</summary>
public sealed class DataFolderTests : IDisposable
{
    private readonly TemporaryFolder _data = new();

    [Fact]
    public async Task A_second_process_on_a_data_folder_is_refused_by_the_folders_name_until_the_first_one_ends()
    {
        await using (WebApplication first = Build())
        {
            FieldFaultException refused = Assert.Throws<FieldFaultException>(Build);

            FieldFault fault = Assert.Single(refused.Faults);
            Assert.Equal("Platform:DataFolder", fault.Field);
            Assert.Contains(_data.FullPath, fault.Message, StringComparison.Ordinal);
            Assert.Contains("another process", fault.Message, StringComparison.Ordinal);
            Assert.Contains("--data", fault.Message, StringComparison.Ordinal);
            // The first process still works.
            Assert.Equal(0, await first.Services.GetRequiredService<IJobStore>().CountActiveAsync(TestContext.Current.CancellationToken));
        }
        await using WebApplication second = Build();
    }

    [Fact]
    public void A_data_folder_that_cannot_be_created_is_a_fault_of_its_setting()
    {
        File.WriteAllText(_data.Combine("file"), "");
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => Build(_data.Combine("file")));
        Assert.Equal("Platform:DataFolder", Assert.Single(refused.Faults).Field);
    }

    public void Dispose() => _data.Dispose();

    private WebApplication Build() => Build(_data.FullPath);

    private static WebApplication Build(string folder) => PlatformHost.Build(
        [
            "--Platform:HttpPort=0", "--Platform:GrpcPort=0", "--Platform:OperatorHttpPort=0", "--Platform:OperatorGrpcPort=0",
            "--Platform:DataFolder=" + folder, "--Logging:LogLevel:Default=Warning",
        ],
        ServiceRole.Gateway,
        Node.Everything);
}
