using Brownian.Diffusion.Faults;
using Brownian.Jobs.Queues;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Brownian.Hosting.Tests;

/// <summary>Settings are read and validated before a process is built.</summary>
public sealed class PlatformOptionsTests
{
    [Fact]
    public void Every_fault_of_the_settings_is_reported_in_one_line()
    {
        string[] args = ["--Platform:RabbitMq=rabbit", "--Platform:Listen=here", "--Platform:HttpPort=65536", "--Platform:ResidentLimitMiB=-1"];
        OptionsValidationException refused =
            Assert.Throws<OptionsValidationException>(() => PlatformHost.Build(args, ServiceRole.Denoiser, Node.Workers));

        // One line, for standard error.
        Assert.Equal(
            "Platform:Redis: is missing; a cluster needs both RabbitMq and Redis, one process needs neither; "
                + "Platform:RabbitMq: is not an address; allowed: amqp://user:password@host:port/; "
                + "Platform:Listen: \"here\" is not allowed; allowed: an IP address, such as 127.0.0.1 or 0.0.0.0; "
                + "Platform:ResidentLimitMiB: -1 is not allowed; allowed: 0..2147483647; "
                + "Platform:HttpPort: 65536 is not allowed; allowed: 0..65535",
            refused.Message);
    }

    [Fact]
    public void A_folder_in_which_nothing_would_be_stored_is_refused() => Assert.Equal(
        ["Platform:Ephemeral: cannot be given with Platform:DataFolder: nothing would be stored there"],
        new PlatformOptionsValidator().Validate(null, new PlatformOptions { Ephemeral = true, DataFolder = "data" }).Failures!);

    [Fact]
    public void Every_invalid_device_is_refused_and_a_list_beside_a_single_one()
    {
        var options = new PlatformOptions { Device = "gpu", Devices = ["cuda:0", "cuda:64", "cpu", "CPU"] };

        Assert.Equal(
            ["Platform:Device", "Platform:Devices:1", "Platform:Devices:3", "Platform:Device"],
            new PlatformOptionsValidator().Validate(null, options).Failures!.Select(failure => failure.Split(": ")[0]));
    }

    [Fact]
    public void Priority_classes_are_read_from_the_highest_to_the_lowest_and_unknown_ones_refused()
    {
        Assert.Equal([JobPriority.Standard, JobPriority.Batch], new PlatformOptions { Priorities = ["batch", "standard", "batch"] }.ReadPriorities());
        Assert.Equal(Enum.GetValues<JobPriority>(), new PlatformOptions().ReadPriorities());
        Assert.Equal(
            ["Platform:Priorities:0: \"Batch\" is not allowed; allowed: interactive, standard, batch"],
            new PlatformOptionsValidator().Validate(null, new PlatformOptions { Priorities = ["Batch"] }).Failures!);
    }

    [Fact]
    public void The_devices_are_those_of_the_list_or_the_single_one_or_the_CPU()
    {
        Assert.Equal("cpu", string.Join(", ", new PlatformOptions().ReadDevices()));
        Assert.Equal("cuda:1", string.Join(", ", new PlatformOptions { Device = "cuda:1" }.ReadDevices()));
        Assert.Equal("cuda, cuda:1, cuda:1", string.Join(", ", new PlatformOptions { Devices = ["cuda:0", "cuda:1", "cuda:1"] }.ReadDevices()));
    }

    [Fact]
    public void Invalid_proxies_and_upload_bounds_are_refused()
    {
        var options = new PlatformOptions
        {
            TrustedProxies = ["10.0.0.1", "proxy", "10.0.0.0/33", "fd00::/8", "10.0.0.0/", ""],
            MaxUploadBytes = 0,
            MaxUploadsPerAddress = -1,
            MaxUploadBytesPerAddress = 0,
        };

        Assert.Equal(
            [
                "Platform:MaxUploadBytes", "Platform:MaxUploadBytesPerAddress", "Platform:MaxUploadsPerAddress",
                "Platform:TrustedProxies:1", "Platform:TrustedProxies:2", "Platform:TrustedProxies:4", "Platform:TrustedProxies:5",
            ],
            new PlatformOptionsValidator().Validate(null, options).Failures!.Select(failure => failure.Split(": ")[0]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("--Platform:Slot=1", "Slot")]
    [InlineData("--Platform:Slots=many", "many")]
    public void A_setting_that_is_unknown_or_of_another_type_is_refused_by_name(string setting, string named)
    {
        FieldFaultException refused =
            Assert.Throws<FieldFaultException>(() => PlatformHost.Build([setting], ServiceRole.Denoiser, Node.Workers));

        FieldFault fault = Assert.Single(refused.Faults);
        Assert.Equal("Platform", fault.Field);
        Assert.StartsWith("cannot be read: ", fault.Message, StringComparison.Ordinal);
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--Platform:Slots=0")]
    [InlineData("--Platform:Slot=1")]
    public async Task A_process_with_an_invalid_setting_exits_with_2(string setting) =>
        Assert.Equal(2, await PlatformHost.RunAsync([setting], ServiceRole.Denoiser, Node.Workers));

    [Fact]
    public void The_settings_of_a_process_are_the_same_object_by_either_type()
    {
        using var app = (IDisposable)PlatformHost.Build(["--Platform:Ephemeral=true", "--Platform:Slots=3"], ServiceRole.Gateway, Node.Everything);
        IServiceProvider services = ((Microsoft.AspNetCore.Builder.WebApplication)app).Services;

        Assert.Equal(3, services.GetRequiredService<PlatformOptions>().Slots);
        Assert.Same(services.GetRequiredService<PlatformOptions>(), services.GetRequiredService<IOptions<PlatformOptions>>().Value);
    }
}
