using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Buffers.Text;
using Berth.Api;
using Berth.Build.Frontend;
using Berth.Build.Solver;
using Berth.Daemon.Http;
using Berth.Engine.Builds;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Registry;

namespace Berth.Daemon.Mapping;

/// <summary>From the query of <c>POST /build</c> to what the engine is asked for.</summary>
internal static class BuildMapping
{
    /// <summary>Checks what is not built and maps the rest.</summary>
    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the parameter.</exception>
    public static BuildRequest Map(HttpContext context)
    {
        if (context.GetText("version") is { Length: > 0 } version && version != "1")
        {
            throw new EngineException(ErrorKind.NotImplemented, "BuildKit's interface is not supported yet; build with \"berth build\", or with DOCKER_BUILDKIT=0 in the environment");
        }

        context.RefuseUnbuilt("remote", "squash", "outputs", "cgroupparent");
        if (context.GetText("isolation") is { Length: > 0 } isolation && isolation != "default")
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Unsupported isolation: {PrintableText.Of(isolation)}");
        }

        if (ReadList(context, "cachefrom").Count > 0)
        {
            throw new EngineException(ErrorKind.NotImplemented, "cachefrom is not supported yet; leave --cache-from out");
        }

        return new BuildRequest
        {
            DockerfilePath = context.GetText("dockerfile") ?? "",
            Host = CreateMapping.MapHost(ReadHost(context)),
            CredentialOf = ReadCredentials(context),
            Options = new BuildOptions
            {
                Dockerfile = [],
                Target = context.GetText("target") ?? "",
                Arguments = ReadMap(context, "buildargs"),
                Labels = ReadMap(context, "labels"),
                Platform = context.GetText("platform") is { Length: > 0 } platform ? Platform.Parse(platform) : null,
                IgnoresCache = context.GetBoolean("nocache"),
                StagesWithoutCache = [.. (context.GetText("nocachefilter") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(static stage => stage.ToLowerInvariant())],
                Pulls = context.GetBoolean("pull"),
                Surroundings = string.Join('\n', context.Request.Query["extrahosts"].OfType<string>().Order(StringComparer.Ordinal).Prepend(context.GetText("networkmode") is { Length: > 0 } network && network != "default" ? network : "")),
                Names = [.. context.Request.Query["t"].OfType<string>().Where(static name => name.Length > 0).Select(ParseName).Distinct()],
            },
        };
    }

    /// <summary>How a step's process that failed is told; null for other failures.</summary>
    public static JsonMessage? ToFailure(Exception exception) => exception is StepFailedException failure
        ? new JsonMessage { ErrorDetail = new JsonErrorDetail { Code = failure.Code, Message = failure.Message }, Error = failure.Message }
        : null;

    private static ImageReference ParseName(string name)
    {
        if (!ImageReference.TryParse(name, out ImageReference reference, out string? why))
        {
            throw new EngineException(ErrorKind.InvalidArgument, why);
        }

        return reference.Digest.IsEmpty ? reference.WithDefaultTag() : throw new EngineException(ErrorKind.InvalidArgument, "build tag cannot contain a digest");
    }

    private static HostConfig ReadHost(HttpContext context)
    {
        string network = context.GetText("networkmode") ?? "";
        if (network.StartsWith("container:", StringComparison.Ordinal))
        {
            throw new EngineException(ErrorKind.NotImplemented, "networkmode container:... is not supported yet for builds; use the network itself");
        }

        return new HostConfig
        {
            NetworkMode = network,
            ExtraHosts = [.. context.Request.Query["extrahosts"].OfType<string>()],
            ShmSize = GetNumber(context, "shmsize"),
            Memory = GetNumber(context, "memory"),
            MemorySwap = GetNumber(context, "memswap"),
            CpuShares = GetNumber(context, "cpushares"),
            CpuPeriod = GetNumber(context, "cpuperiod"),
            CpuQuota = GetNumber(context, "cpuquota"),
            CpusetCpus = context.GetText("cpusetcpus") ?? "",
            CpusetMems = context.GetText("cpusetmems") ?? "",
            SecurityOpt = [.. context.Request.Query["securityopt"].OfType<string>().Where(static option => option.Length > 0)],
            Ulimits = context.GetText("ulimits") is { Length: > 0 } ulimits ? JsonBody.Convert(Parse("ulimits", ulimits), ApiJson.Context.ListUlimit) : null,
        };
    }

    private static long GetNumber(HttpContext context, string name) => context.GetText(name) switch
    {
        null or "" => 0,
        var text => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name} \"{PrintableText.Of(text)}\": wanted a whole number"),
    };

    // A name without a value is one that the client's environment does not have.
    private static Dictionary<string, string> ReadMap(HttpContext context, string name)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        if (context.GetText(name) is { Length: > 0 } text && Parse(name, text) is { ValueKind: not JsonValueKind.Null } map)
        {
            if (map.ValueKind != JsonValueKind.Object)
            {
                throw Wrong(name);
            }

            foreach (JsonProperty member in map.EnumerateObject())
            {
                switch (member.Value.ValueKind)
                {
                    case JsonValueKind.String:
                        result[member.Name] = member.Value.GetString()!; // a string
                        break;
                    case not JsonValueKind.Null:
                        throw Wrong(name);
                }
            }
        }

        return result;
    }

    private static List<string> ReadList(HttpContext context, string name)
    {
        if (context.GetText(name) is not { Length: > 0 } text || Parse(name, text) is not { ValueKind: not JsonValueKind.Null } list)
        {
            return [];
        }

        return list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(static item => item.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(static item => item.GetString()!)] // strings
            : throw Wrong(name);
    }

    private static JsonElement Parse(string name, string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name}: {e.Message}", e);
        }
    }

    private static EngineException Wrong(string name) => new(ErrorKind.InvalidArgument, $"invalid {name}: wanted JSON of strings");

    // The header X-Registry-Config: base64url of an object of credentials by registry.
    private static Func<string, RegistryCredential> ReadCredentials(HttpContext context)
    {
        const int MaxHeader = 1 << 20;
        string header = context.Request.Headers["X-Registry-Config"].ToString();
        if (header.Length is 0 or > MaxHeader)
        {
            return static _ => RegistryCredential.None;
        }

        try
        {
            byte[] json = Base64Url.DecodeFromChars(header.TrimEnd('='));
            Dictionary<string, RegistryAuth> all = JsonSerializer.Deserialize(json, ApiJson.Context.DictionaryStringRegistryAuth) ?? [];
            Dictionary<string, RegistryCredential> byDomain = new(StringComparer.Ordinal);
            foreach ((string address, RegistryAuth auth) in all)
            {
                byDomain[RegistryMapping.ToDomain(address)] = RegistryMapping.ToCredential(auth);
            }

            return domain => byDomain.GetValueOrDefault(domain, RegistryCredential.None);
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return static _ => RegistryCredential.None; // as with docker, a header that is none counts as none
        }
    }
}
