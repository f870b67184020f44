using Berth.Api;
using Berth.Cli.Builds;
using Berth.Cli.Commands.Registries;
using Berth.Cli.Flags;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Builds;

/// <summary>The flags of <c>build</c>, and the request that they describe.</summary>
internal sealed class BuildFlags
{
    private readonly List<string> tags = [];
    private readonly List<string> arguments = [];
    private readonly List<string> labels = [];
    private readonly List<string> hosts = [];
    private readonly List<string> cacheFrom = [];
    private readonly List<string> securityOptions = [];
    private readonly List<string> stagesWithoutCache = [];
    private readonly List<SecretFlag> secrets = [];
    private readonly SortedDictionary<string, Ulimit> ulimits = new(StringComparer.Ordinal);
    private ImageBuildOptions options = new();

    public BuildFlags(FlagSet flags)
    {
        DeclareImage(flags);
        DeclareSteps(flags);
    }

    /// <summary>The path of the Dockerfile; a dash for standard input, empty for the context's own.</summary>
    public string File { get; private set; } = "";

    /// <summary>Where the image's id is written; null for nowhere.</summary>
    public string? IdFile { get; private set; }

    public bool Quiet { get; private set; }

    /// <summary>Whether the context is packed for its way.</summary>
    public bool Packs { get; private set; }

    /// <summary>The request.</summary>
    /// <param name="dockerfile">The Dockerfile's name in the context.</param>
    /// <param name="proxies">Arguments that count where the command line has no others.</param>
    /// <param name="credentials">For registries.</param>
    public ImageBuildOptions ToRequest(string dockerfile, IEnumerable<KeyValuePair<string, string>> proxies, IReadOnlyDictionary<string, RegistryAuth> credentials)
    {
        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (string argument in arguments)
            values[argument.Split('=')[0]] = argument.Contains('=', StringComparison.Ordinal) ? argument[(argument.IndexOf('=') + 1)..] : Environment.GetEnvironmentVariable(argument);

        foreach ((string name, string value) in proxies)
            values.TryAdd(name, value);

        return options with
        {
            Dockerfile = dockerfile,
            Tags = tags,
            Arguments = values,
            Labels = Values.Map(labels).ToDictionary(static label => label.Key, static label => (string?)label.Value),
            ExtraHosts = hosts,
            CacheFrom = cacheFrom,
            SecurityOptions = securityOptions,
            StagesWithoutCache = stagesWithoutCache,
            Secrets = secrets.ToDictionary(static secret => secret.Id, static secret => (byte[]?)secret.Read(), StringComparer.Ordinal),
            Ulimits = [.. ulimits.Values],
            Credentials = credentials,
        };
    }

    private void DeclareImage(FlagSet flags)
    {
        flags.List("build-arg", null, "Set build-time variables", arguments, check: Named("invalid environment variable: "));
        flags.Texts("cache-from", "Images to consider as cache sources", cacheFrom);
        flags.Switch("compress", null, "Compress the build context using gzip", value => Packs = value);
        ContentTrust.Declare(flags, "Skip image verification");
        flags.Text("file", 'f', "Name of the Dockerfile (Default is \"PATH/Dockerfile\")", value => File = value);
        flags.Switch("force-rm", null, "Always remove intermediate containers", value => options = options with { AlwaysRemoves = value });
        flags.Text("iidfile", null, "Write the image ID to the file", value => IdFile = value.Length == 0 ? null : value);
        flags.List("label", null, "Set metadata for an image", labels, check: Values.Label);
        flags.Switch("no-cache", null, "Do not use cache when building the image", value => options = options with { IgnoresCache = value });
        flags.Texts("no-cache-filter", "Do not use cache for specified stages", stagesWithoutCache);
        flags.Text("platform", null, "Set platform if server is multi-platform capable", value => options = options with { Platform = value.ToLowerInvariant() });
        flags.Switch("pull", null, "Always attempt to pull a newer version of the image", value => options = options with { Pulls = value });
        flags.Switch("quiet", 'q', "Suppress the build output and print image ID on success", value => (Quiet, options) = (value, options with { IsQuiet = value }));
        flags.Switch("rm", null, "Remove intermediate containers after a successful build", value => options = options with { Removes = value }, defaultText: "true");
        flags.Switch("squash", null, "Squash newly built layers into a single new layer", value => options = options with { Squashes = value });
        flags.List("tag", 't', "Name and optionally a tag in the \"name:tag\" format", tags, check: CheckTag);
        flags.Text("target", null, "Set the target build stage to build.", value => options = options with { Target = value });
    }

    private void DeclareSteps(FlagSet flags)
    {
        flags.List("add-host", null, "Add a custom host-to-IP mapping (\"host:ip\")", hosts, check: Values.ExtraHost);
        flags.Text("cgroup-parent", null, "Set the parent cgroup for the \"RUN\" instructions during build", value => options = options with { CgroupParent = value });
        flags.Number("cpu-period", null, "Limit the CPU CFS (Completely Fair Scheduler) period", value => options = options with { CpuPeriod = value });
        flags.Number("cpu-quota", null, "Limit the CPU CFS (Completely Fair Scheduler) quota", value => options = options with { CpuQuota = value });
        flags.Number("cpu-shares", 'c', "CPU shares (relative weight)", value => options = options with { CpuShares = value });
        flags.Text("cpuset-cpus", null, "CPUs in which to allow execution (0-3, 0,1)", value => options = options with { CpusetCpus = value });
        flags.Text("cpuset-mems", null, "MEMs in which to allow execution (0-3, 0,1)", value => options = options with { CpusetMems = value });
        flags.Text("isolation", null, "Container isolation technology", value => options = options with { Isolation = value });
        flags.Text("memory", 'm', "Memory limit", value => options = options with { Memory = Values.Bytes(value) }, "bytes");
        flags.Text("memory-swap", null, "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
            value => options = options with { MemorySwap = value == "-1" ? -1 : Values.Bytes(value) }, "bytes");
        flags.Text("network", null, "Set the networking mode for the RUN instructions during build", value => options = options with { NetworkMode = value }, defaultText: "\"default\"");
        flags.Add(new Flag("secret", null, "list", "Secret to expose to the build (format: \"id=mysecret[,src=/local/secret]\")", null, value =>
        {
            SecretFlag secret = SecretFlag.Parse(value);
            secrets.RemoveAll(known => known.Id == secret.Id); // the last one counts
            secrets.Add(secret);
        }));
        flags.Texts("security-opt", "Security options", securityOptions);
        flags.Text("shm-size", null, "Size of \"/dev/shm\"", value => options = options with { ShmSize = Values.Bytes(value) }, "bytes");
        flags.Add(new Flag("ulimit", null, "ulimit", "Ulimit options", "[]", value =>
        {
            Ulimit limit = Values.Ulimit(value);
            ulimits[limit.Name] = limit;
        }));
    }

    private static Func<string, string> Named(string problem) => value => value.Length == 0 || value.StartsWith('=') ? throw new FlagValueException(problem + value) : value;

    private static string CheckTag(string tag) => ImageReference.TryParse(tag, out _, out string? problem) ? tag : throw new FlagValueException(problem);
}
