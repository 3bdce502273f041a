using Brownian.Hosting;

namespace Brownian.Gateway.Callbacks;

/// <summary>The addresses that may be called back: those of <see cref="PlatformOptions.CallbackHosts"/>.</summary>
/// <param name="options">The settings.</param>
public sealed class CallbackHosts(PlatformOptions options)
{
    private const string Field = "callback_url";

    private readonly string[] _hosts = [.. options.CallbackHosts.Select(host => host.TrimEnd('.'))];

    private string Schemes => options.CallbackPrivateAddresses ? "https://HOST/PATH or http://HOST/PATH" : "https://HOST/PATH";

    /// <summary>Checks the address of a request.</summary>
    /// <param name="address">The request's <c>callback_url</c>; null for none.</param>
    /// <param name="isDirect">Whether the request is run without a job.</param>
    /// <param name="faults">Receives the faults.</param>
    public void Check(string? address, bool isDirect, List<FieldFault> faults)
    {
        if (address is null)
        {
            return;
        }
        if (isDirect)
        {
            faults.Add(new FieldFault(Field, "cannot be given with direct: a direct call creates no job that ends later"));
        }
        if (FaultOf(address) is { } fault)
        {
            faults.Add(new FieldFault(Field, fault));
        }
    }

    /// <summary>Returns why an address may not be called; null when it may.</summary>
    public string? FaultOf(string address)
    {
        if (_hosts.Length == 0)
        {
            return $"is not taken by this gateway: its {PlatformOptions.Field(nameof(PlatformOptions.CallbackHosts))} allows no host";
        }
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http") || uri.Host.Length == 0)
        {
            return $"is not an address; allowed: {Schemes}";
        }
        if (uri.Scheme == "http" && !options.CallbackPrivateAddresses)
        {
            return $"is not encrypted; allowed: {Schemes}";
        }
        if (uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            return $"has a user or a fragment; allowed: {Schemes}, with a query where it is needed";
        }
        return Allows(uri.IdnHost.TrimEnd('.')) ? null : $"names {uri.IdnHost}; allowed hosts: {string.Join(", ", _hosts)}";
    }

    private bool Allows(string host) => _hosts.Any(allowed =>
        allowed == "*"
            || string.Equals(allowed, host, StringComparison.OrdinalIgnoreCase)
            || (allowed.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase)));
}
