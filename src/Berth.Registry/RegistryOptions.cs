using System.Net;
using Berth.Model;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>How registries are reached.</summary>
public sealed record RegistryOptions
{
    /// <summary>Hosts, hosts with a port, or CIDR blocks of their addresses, whose certificates are not checked and that may be spoken to in plain text. Loopback always may.</summary>
    public IReadOnlyList<string> InsecureRegistries { get; init; } = [];

    /// <summary>Folders that hold a folder for each host (<c>host:port</c> or <c>host</c>): authorities in *.crt, client certificates in *.cert with *.key. What is first wins; all authorities count.</summary>
    public IReadOnlyList<string> CertificateFolders { get; init; } = ["/etc/berth/certs.d", "/etc/docker/certs.d"];

    /// <summary>Mirrors by registry.</summary>
    public IReadOnlyList<RegistryRule> Rules { get; init; } = [];

    /// <summary>The proxies; null: those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY, also in lower case).</summary>
    public RegistryProxy? Proxy { get; init; }

    /// <summary>How often a request, or a blob that makes no progress, is tried before it fails.</summary>
    public int Attempts { get; init; } = 5;

    /// <summary>A connection that brings (or takes) no byte for so long is given up and the transfer resumed on another.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long making a connection may take.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the answer's head may take after the request was sent.</summary>
    public TimeSpan HeaderLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The first pause between attempts; each further one is twice as long, up to <see cref="MaxBackoff"/>, shortened at random by up to a half.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest pause that is made, also when a registry asks for a longer one (Retry-After): then the request fails at once and says so.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What requests call themselves.</summary>
    public string UserAgent { get; init; } = "berth";

    /// <summary>How many connections fetch one large blob.</summary>
    public int RangesPerBlob { get; init; } = 3;

    /// <summary>Bytes a second: a connection that brings more is left alone; <see cref="long.MaxValue"/>: never.</summary>
    public long RangesBelow { get; init; } = 50 << 20;

    /// <summary>The size of the pieces that they fetch, in bytes.</summary>
    public long RangeSize { get; init; } = 8 << 20;

    /// <summary>The memory for pieces that are fetched ahead, in bytes, of all blobs of a client together; when it is in use, blobs are read by one connection each.</summary>
    public long RangeMemory { get; init; } = 48 << 20;

    /// <summary>For tests alone, which have no other host than this one: whether loopback is exempt from checks.</summary>
    internal bool IsLoopbackInsecure { get; init; } = true;

    /// <summary>Checks the values against each other.</summary>
    /// <exception cref="EngineException">InvalidArgument, naming the value.</exception>
    public void Validate()
    {
        Require(Attempts is >= 1 and <= 100, $"Attempts is {Attempts}; wanted 1 to 100");
        Require(StallLimit > TimeSpan.Zero && ConnectLimit > TimeSpan.Zero && HeaderLimit > TimeSpan.Zero, "StallLimit, ConnectLimit and HeaderLimit have to be above zero");
        Require(Backoff > TimeSpan.Zero && MaxBackoff >= Backoff, "Backoff has to be above zero, and MaxBackoff at least that");
        Require(RangesPerBlob is >= 1 and <= 64, $"RangesPerBlob is {RangesPerBlob}; wanted 1 to 64");
        Require(RangeSize is >= 4096 and <= 256 << 20, $"RangeSize is {RangeSize} bytes; wanted 4 KiB to 256 MiB");
        Require(RangeMemory >= 0, $"RangeMemory is {RangeMemory} bytes");
        foreach (string entry in InsecureRegistries)
        {
            bool isBlock = entry.Contains('/', StringComparison.Ordinal);
            Require(isBlock ? IPNetwork.TryParse(entry, out _) : entry.Length > 0, $"insecure registry \"{entry}\" is neither a host, nor host:port, nor an address block (without a scheme before it)");
        }

        foreach (RegistryMirror mirror in Rules.SelectMany(static rule => rule.Mirrors))
        {
            Require(
                mirror.Url is { IsAbsoluteUri: true, Scheme: "http" or "https", Query: "", Fragment: "", UserInfo: "" },
                $"mirror \"{Addresses.Show(mirror.Url)}\": wanted http(s)://host[:port][/prefix], credentials apart");
        }

        static void Require(bool holds, string otherwise)
        {
            if (!holds)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"registry options: {otherwise}");
            }
        }
    }
}

/// <summary>Where a registry's images are looked for first. Pushes, logins and searches never go to a mirror.</summary>
/// <param name="Registry">The registry's domain as in image names, such as <c>docker.io</c>, or <c>*</c> for all that have no rule of their own.</param>
/// <param name="Mirrors">In the order they are asked in.</param>
/// <param name="FallsBack">Whether the registry itself is asked after them.</param>
public sealed record RegistryRule(string Registry, IReadOnlyList<RegistryMirror> Mirrors, bool FallsBack = true);

/// <summary>A registry that holds another's images.</summary>
/// <param name="Url"><c>https://host[:port][/prefix]</c>: with the prefix <c>quay</c> the repository a/b is asked for as <c>/v2/quay/a/b</c>.</param>
/// <param name="Credential">Shown to the mirror; the registry's own credential never is.</param>
public sealed record RegistryMirror(Uri Url, RegistryCredential Credential);

/// <summary>Proxies by the scheme of what is asked for.</summary>
/// <param name="Http">For http, or null.</param>
/// <param name="Https">For https, or null.</param>
/// <param name="Bypass">Hosts, <c>.domains</c>, addresses, CIDR blocks, each with or without a port, or <c>*</c>.</param>
public sealed record RegistryProxy(Uri? Http, Uri? Https, IReadOnlyList<string> Bypass);
