using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Berth.Api;

namespace Berth.Client;

/// <summary>A build by docker's classic API; what is left as it is is not sent.</summary>
public sealed record ImageBuildOptions
{
    /// <summary>The Dockerfile's path in the context.</summary>
    public string Dockerfile { get; init; } = "";

    public IReadOnlyList<string> Tags { get; init; } = [];
    public string Target { get; init; } = "";
    public string Platform { get; init; } = "";

    /// <summary>Values of the Dockerfile's ARGs by name; null for one that nobody has given a value.</summary>
    public IReadOnlyDictionary<string, string?> Arguments { get; init; } = new Dictionary<string, string?>();

    public IReadOnlyDictionary<string, string?> Labels { get; init; } = new Dictionary<string, string?>();
    public IReadOnlyList<string> CacheFrom { get; init; } = [];
    public IReadOnlyList<string> StagesWithoutCache { get; init; } = [];
    public IReadOnlyList<string> ExtraHosts { get; init; } = [];
    public IReadOnlyList<string> SecurityOptions { get; init; } = [];
    public IReadOnlyList<Ulimit> Ulimits { get; init; } = [];
    public string CgroupParent { get; init; } = "";
    public string Isolation { get; init; } = "";
    public string NetworkMode { get; init; } = "";
    public string CpusetCpus { get; init; } = "";
    public string CpusetMems { get; init; } = "";
    public long CpuPeriod { get; init; }
    public long CpuQuota { get; init; }
    public long CpuShares { get; init; }
    public long Memory { get; init; }
    public long MemorySwap { get; init; }
    public long ShmSize { get; init; }
    public bool IgnoresCache { get; init; }
    public bool Pulls { get; init; }
    public bool IsQuiet { get; init; }
    public bool Squashes { get; init; }
    public bool Removes { get; init; } = true;
    public bool AlwaysRemoves { get; init; }

    /// <summary>What only steps may know, by id; engines other than Berth refuse a build that has some.</summary>
    public IReadOnlyDictionary<string, byte[]?> Secrets { get; init; } = new Dictionary<string, byte[]?>();

    /// <summary>For the registries of base images, by key.</summary>
    public IReadOnlyDictionary<string, RegistryAuth> Credentials { get; init; } = new Dictionary<string, RegistryAuth>();
}

/// <content>Builds.</content>
public sealed partial class EngineClient
{
    /// <summary>
    /// Builds an image (<c>POST /build</c>) of a context that <paramref name="write"/> writes as a tar, once, on this thread. <paramref name="progress"/> gets each step; one with
    /// an error is the last, and nothing is thrown for it.
    /// </summary>
    public async Task BuildImageAsync(ImageBuildOptions options, Action<Stream> write, Action<JsonMessage> progress, CancellationToken cancellationToken = default)
    {
        await SettleVersionAsync(cancellationToken);
        RequestBody context = options.Secrets.Count == 0
            ? RequestBody.Of(write, "application/x-tar", length: null)
            : RequestBody.Of(stream => WriteWithHead(options.Secrets, write, stream), "application/vnd.berth.build", length: null);
        RequestBody body = context.WithAll(options.Credentials);
        using ResponseStream response = await transport.OpenAsync(HttpMethod.Post, BuildPath(options), body, cancellationToken);
        ReadMessages(response, progress);
    }

    /// <summary>Removes what builds have kept for later ones (<c>POST /build/prune</c>).</summary>
    /// <param name="all">Whether also what an image still has.</param>
    /// <param name="keepBytes">What may stay; 0 for nothing.</param>
    /// <param name="filters">Which of it.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<BuildPruneAnswer> PruneBuildsAsync(bool all, long keepBytes, IReadOnlyList<KeyValuePair<string, string>> filters, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/build/prune");
        path.Add("all", all);
        path.Add("filters", filters);
        path.Add("keep-storage", keepBytes == 0 ? null : keepBytes.ToString(CultureInfo.InvariantCulture));
        return transport.ReadAsync(HttpMethod.Post, path.ToString(), RequestBody.None, ApiJson.Context.BuildPruneAnswer, cancellationToken);
    }

    // The length, the highest byte first, the secrets, the context.
    private static void WriteWithHead(IReadOnlyDictionary<string, byte[]?> secrets, Action<Stream> write, Stream stream)
    {
        byte[] head = JsonSerializer.SerializeToUtf8Bytes(new BuildSecrets { Secrets = new(secrets, StringComparer.Ordinal) }, ApiJson.Context.BuildSecrets);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, head.Length);
        stream.Write(length);
        stream.Write(head);
        write(stream);
    }

    private static string BuildPath(ImageBuildOptions options)
    {
        var path = new QueryString("/build");
        path.Add("buildargs", Json(options.Arguments));
        path.Add("cachefrom", Json(options.CacheFrom));
        path.Add("cgroupparent", options.CgroupParent);
        path.Add("cpuperiod", Number(options.CpuPeriod));
        path.Add("cpuquota", Number(options.CpuQuota));
        path.Add("cpusetcpus", options.CpusetCpus);
        path.Add("cpusetmems", options.CpusetMems);
        path.Add("cpushares", Number(options.CpuShares));
        path.Add("dockerfile", options.Dockerfile);
        foreach (string host in options.ExtraHosts)
            path.Add("extrahosts", host);

        path.Add("forcerm", options.AlwaysRemoves);
        path.Add("isolation", options.Isolation);
        path.Add("labels", Json(options.Labels));
        path.Add("memory", Number(options.Memory));
        path.Add("memswap", Number(options.MemorySwap));
        path.Add("networkmode", options.NetworkMode);
        path.Add("nocache", options.IgnoresCache);
        path.Add("nocachefilter", string.Join(',', options.StagesWithoutCache));
        path.Add("platform", options.Platform);
        path.Add("pull", options.Pulls);
        path.Add("q", options.IsQuiet);
        path.Add("rm", options.Removes ? "1" : "0");
        foreach (string option in options.SecurityOptions)
            path.Add("securityopt", option);

        path.Add("shmsize", Number(options.ShmSize));
        path.Add("squash", options.Squashes);
        foreach (string tag in options.Tags)
            path.Add("t", tag);

        path.Add("target", options.Target);
        path.Add("ulimits", options.Ulimits.Count == 0 ? null : JsonSerializer.Serialize([.. options.Ulimits], ApiJson.Context.ListUlimit));
        path.Add("version", "1");
        return path.ToString();
    }

    private static string? Number(long value) => value == 0 ? null : value.ToString(CultureInfo.InvariantCulture);

    private static string? Json(IReadOnlyList<string> texts) => texts.Count == 0 ? null : JsonSerializer.Serialize([.. texts], ApiJson.Context.ListString);

    // Written by hand: a value may be null.
    private static string? Json(IReadOnlyDictionary<string, string?> map)
    {
        if (map.Count == 0)
            return null;

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, string? value) in map.OrderBy(static item => item.Key, StringComparer.Ordinal))
                writer.WriteString(name, value);

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
