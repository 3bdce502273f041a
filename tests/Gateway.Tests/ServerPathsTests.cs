using Brownian.Hosting;

namespace Brownian.Gateway.Tests;

/// <summary>The paths of configured folders are removed from messages that leave the machine.</summary>
public sealed class ServerPathsTests
{
    private static readonly ServerPaths Paths = new(["/srv/models", "/srv/models/kept/", "/srv", "/", "", "/tmp/"]);

    [Theory]
    [InlineData("/srv/models/sd15/unet/model.onnx gave NaN", "sd15/unet/model.onnx gave NaN")]
    [InlineData("/srv/models/kept/sd15/vae.onnx", "sd15/vae.onnx")]
    [InlineData("\"/srv/models/a/b\", (/tmp/x.png) and /srv/c", "\"a/b\", (x.png) and c")]
    [InlineData("no folder /srv/models", "no folder models")]
    // Other paths stay unchanged.
    [InlineData("/srv2/models/a, /data/srv/models/a, https://host/srv/models/a, /etc/hosts",
        "/srv2/models/a, /data/srv/models/a, https://host/srv/models/a, /etc/hosts")]
    [InlineData("steps: 0 is not allowed; allowed: 1..1000", "steps: 0 is not allowed; allowed: 1..1000")]
    public void The_configured_folders_are_removed_from_messages(string message, string hidden) => Assert.Equal(hidden, Paths.Hide(message));

    [Fact]
    public void Messages_are_unchanged_without_configured_folders() => Assert.Equal("/a/b", new ServerPaths(["/", ""]).Hide("/a/b"));
}
