using System.CommandLine;
using Brownian.Denoiser;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.TextEncoder;
using Brownian.VaeDecoder;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian serve</c>: runs everything in one process, or one role of a cluster.</summary>
internal sealed class ServeCommand
{
    /// <summary>The command's name.</summary>
    public const string Name = "serve";

    private readonly Option<string?> _role = new("--role")
    {
        Description = "gateway, text-encoder, denoiser or vae-decoder; all of them in one process when not given",
        HelpName = "ROLE"
    };
    private readonly Option<string[]> _models = new("--model", "-m")
    {
        Description = "A model to serve, name or folder; can be repeated",
        HelpName = "NAME|FOLDER",
        DefaultValueFactory = _ => []
    };
    private readonly Option<string[]> _folders = ModelOptions.CreateFolders();
    private readonly Option<string?> _watched = new("--watch")
    {
        Description = "A folder whose models are served, too; those that appear in it later without a restart",
        HelpName = "FOLDER",
    };

    private readonly Option<string?> _threads = new("--threads") { Description = "Threads that work on one operator, 1..256", HelpName = "N" };
    private readonly Option<string[]> _devices = new("--device")
    {
        Description = "A device that runs graphs: cpu, cuda, cuda:N, tensorrt or tensorrt:N; can be repeated, for workers on several devices",
        HelpName = "DEVICE",
    };
    private readonly Option<string?> _rabbitMq =
        new("--rabbitmq") { Description = "The broker of a cluster, such as amqp://user:password@host:5672/", HelpName = "URI" };
    private readonly Option<string?> _redis =
        new("--redis") { Description = "The job store of a cluster, such as host:6379", HelpName = "HOST:PORT" };
    private readonly Option<string?> _data =
        new("--data") { Description = "The folder that stores jobs and images without a cluster", HelpName = "FOLDER" };
    private readonly Option<bool> _ephemeral = new("--ephemeral") { Description = "Keep jobs and images only in memory" };
    private readonly Option<bool> _drain = new("--drain")
    {
        Description = "For a role of a cluster: take stages until their queues are empty, then exit with 0",
    };

    private readonly Option<string?> _listen =
        new("--listen") { Description = "The address to listen on; 127.0.0.1 when not given", HelpName = "ADDRESS" };
    private readonly Option<bool> _requireKeys = new("--require-keys") { Description = "Callers need API keys; the first one is in the data folder" };
    private readonly Option<string?> _http =
        new("--http-port") { Description = "The port for JSON, gRPC-Web and health; 5080 for the gateway", HelpName = "N" };
    private readonly Option<string?> _grpc = new("--grpc-port") { Description = "The port for gRPC; 5081 for the gateway", HelpName = "N" };

    private readonly Option<string?> _operatorHttp =
        new("--operator-http-port") { Description = "The operators' port for metrics and JSON; 5082 for the gateway", HelpName = "N" };
    private readonly Option<string?> _operatorGrpc =
        new("--operator-grpc-port") { Description = "The operators' port for gRPC; 5083 for the gateway", HelpName = "N" };

    private readonly Option<string[]> _origins = new("--origin")
    {
        Description = "An origin whose web pages may call, such as https://studio.example.org; * for all; can be repeated",
        HelpName = "ORIGIN",
    };

    public static Command Create()
    {
        var serve = new ServeCommand();
        var command = new Command(Name, "Serves image generation by gRPC and JSON: all roles in one process, or one role of a cluster")
        {
            serve._role, serve._models, serve._folders, serve._watched, serve._threads, serve._devices, serve._rabbitMq, serve._redis, serve._data,
            serve._ephemeral, serve._drain, serve._listen, serve._requireKeys, serve._http, serve._grpc, serve._operatorHttp, serve._operatorGrpc,
            serve._origins,
        };
        command.SetAction(parsed => serve.RunAsync(parsed));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        (ServiceRole role, Action<PlatformBuilder> add) = parsed.GetValue(_role) switch
        {
            null => (ServiceRole.Gateway, platform => platform.AddGateway().AddTextEncoder().AddDenoiser().AddVaeDecoder()),
            "gateway" => (ServiceRole.Gateway, platform => platform.AddGateway()),
            "text-encoder" => (ServiceRole.TextEncoder, platform => platform.AddTextEncoder()),
            "denoiser" => (ServiceRole.Denoiser, platform => platform.AddDenoiser()),
            "vae-decoder" => (ServiceRole.VaeDecoder, (Action<PlatformBuilder>)(platform => platform.AddVaeDecoder())),
            string other => throw new FieldFaultException("--role", other, "gateway, text-encoder, denoiser, vae-decoder"),
        };
        return await PlatformHost.RunAsync([.. Arguments(parsed)], role, add);
    }

    /// <summary>Returns the options as configuration arguments; settings that are not given may come from the environment.</summary>
    private IEnumerable<string> Arguments(ParseResult parsed)
    {
        (string Name, string? Value)[] given =
        [
            (nameof(PlatformOptions.WatchedFolder), parsed.GetValue(_watched) is { } watched ? Path.GetFullPath(watched) : null),
            (nameof(PlatformOptions.Threads), parsed.GetValue(_threads)),
            (nameof(PlatformOptions.RabbitMq), parsed.GetValue(_rabbitMq)),
            (nameof(PlatformOptions.Redis), parsed.GetValue(_redis)),
            (nameof(PlatformOptions.DataFolder), parsed.GetValue(_data)),
            (nameof(PlatformOptions.Ephemeral), parsed.GetValue(_ephemeral) ? "true" : null),
            (nameof(PlatformOptions.Drain), parsed.GetValue(_drain) ? "true" : null),
            (nameof(PlatformOptions.Listen), parsed.GetValue(_listen)),
            (nameof(PlatformOptions.Authentication), parsed.GetValue(_requireKeys) ? PlatformOptions.AuthenticationRequired : null),
            (nameof(PlatformOptions.HttpPort), parsed.GetValue(_http)),
            (nameof(PlatformOptions.GrpcPort), parsed.GetValue(_grpc)),
            (nameof(PlatformOptions.OperatorHttpPort), parsed.GetValue(_operatorHttp)),
            (nameof(PlatformOptions.OperatorGrpcPort), parsed.GetValue(_operatorGrpc)),
            .. (parsed.GetValue(_origins) ?? []).Select((origin, i) => ($"{nameof(PlatformOptions.Origins)}:{i}", (string?)origin)),
            .. (parsed.GetValue(_devices) ?? []).Select((device, i) => ($"{nameof(PlatformOptions.Devices)}:{i}", (string?)device)),
            .. (parsed.GetValue(_models) ?? []).Select((model, i) => ($"{nameof(PlatformOptions.Models)}:{i}", (string?)model)),
            .. (parsed.GetValue(_folders) ?? [])
                .Select((folder, i) => ($"{nameof(PlatformOptions.ModelFolders)}:{i}", (string?)Path.GetFullPath(folder))),
        ];
        return given.Where(option => option.Value is not null).Select(option => $"--{PlatformOptions.Section}:{option.Name}={option.Value}");
    }
}
