using System.Text;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;

namespace Berth.Cli.Commands.Containers;

internal sealed partial class ContainerFlags
{
    /// <summary>The request for an image and a command line; reads the files that flags name.</summary>
    /// <exception cref="CommandFailedException">Flags contradict each other, or a file cannot be read; no status is implied.</exception>
    public ContainerCreateRequest ToRequest(IReadOnlyList<string> arguments)
    {
        if (host.AutoRemove && host.RestartPolicy.Name is not ("" or "no"))
            throw new CommandFailedException("conflicting options: cannot specify both --restart and --rm", exitCode: 125);

        CheckModes();
        config.Image = arguments[0];
        config.Cmd = arguments.Count > 1 ? [.. arguments.Skip(1)] : null;
        config.Entrypoint = entrypoint is null ? null : [entrypoint];
        config.AttachStdin = attach.Contains("stdin") || config.OpenStdin;
        config.AttachStdout = attach.Count == 0 || attach.Contains("stdout");
        config.AttachStderr = attach.Count == 0 || attach.Contains("stderr");
        config.StdinOnce = config is { OpenStdin: true, AttachStdin: true };
        config.Env = OrNull(KeyValueFiles.ReadEnvironment(environmentFiles, environment));
        config.Labels = Values.Map(KeyValueFiles.Read(labelFiles, labels, _ => null, keepNames: true));
        SetHealth();
        SetHost();
        config.HostConfig = host;
        config.NetworkingConfig = SetNetworks();
        return config;
    }

    /// <summary>Values that docker's command line judges itself, in its order.</summary>
    private void CheckModes()
    {
        if (Pull is not ("always" or "missing" or "never"))
            throw Bad($"invalid pull option: '{Pull}': must be one of \"always\", \"missing\" or \"never\"");

        if (host.MemorySwappiness is < -1 or > 100)
            throw Bad($"invalid value: {host.MemorySwappiness}. Valid memory swappiness range is 0-100");

        bool isContainer = host.PidMode.StartsWith("container:", StringComparison.Ordinal) && host.PidMode.Length > "container:".Length;
        if (host.PidMode is not ("" or "host") && !isContainer)
            throw Bad("--pid: invalid PID mode");

        if (host.UtsMode is not ("" or "host"))
            throw Bad("--uts: invalid UTS mode");

        if (host.UsernsMode is not ("" or "host"))
            throw Bad("--userns: invalid USER mode");

        if (host.CgroupnsMode is not ("" or "host" or "private"))
            throw Bad("--cgroupns: invalid CGROUP mode");
    }

    private static CommandFailedException Bad(string problem) => new(problem, exitCode: 125);

    private static T OrFail<T>(Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (FlagValueException exception)
        {
            throw Bad(exception.Message);
        }
    }

    /// <summary>Options of security; the one about the system's paths is two lists of the request, emptied.</summary>
    private void SetSecurity()
    {
        if (securityOptions.Count == 0)
            return;

        if (securityOptions.RemoveAll(option => option == "systempaths=unconfined") > 0)
        {
            host.MaskedPaths = [];
            host.ReadonlyPaths = [];
        }

        host.SecurityOpt = [];
        foreach (string option in securityOptions)
        {
            bool isPair = option.Contains('=', StringComparison.Ordinal) || option.Contains(':', StringComparison.Ordinal);
            host.SecurityOpt.Add(isPair || option == "no-new-privileges" ? ReadSecurityOption(option) : throw Bad($"Invalid --security-opt: \"{option}\""));
        }
    }

    private void SetHealth()
    {
        bool any = health.Test is not null || health.Interval != 0 || health.Timeout != 0 || health.StartPeriod != 0
            || health.StartInterval != 0 || health.Retries != 0;
        if (noHealthcheck && any)
            throw new CommandFailedException("--no-healthcheck conflicts with --health-* options", exitCode: 125);

        foreach ((string flag, long value) in (ReadOnlySpan<(string, long)>)
            [("interval", health.Interval), ("timeout", health.Timeout), ("retries", health.Retries), ("start-period", health.StartPeriod), ("start-interval", health.StartInterval)])
        {
            if (value < 0)
                throw Bad($"--health-{flag} cannot be negative");
        }

        if (noHealthcheck)
            config.Healthcheck = new HealthConfig { Test = ["NONE"] };
        else if (any)
            config.Healthcheck = health;
    }

    private void SetHost()
    {
        SetPorts();
        SetSecurity();
        host.Annotations = annotations.Count > 0 ? Values.Map(annotations) : null;
        foreach (string device in devices)
            host.Devices!.Add(OrFail(() => Values.Device(device))); // set at construction

        if (config.Tty && TerminalSize.Current is { } size)
            host.ConsoleSize = [size.Rows, size.Columns];

        host.LogConfig.Config = Values.Map(logOptions);
        host.Sysctls = sysctls.Count > 0 ? Values.Map(sysctls) : null;
        if (storageOptions.Exists(option => !option.Contains('=', StringComparison.Ordinal)))
            throw new CommandFailedException("invalid storage option", exitCode: 125);

        host.StorageOpt = storageOptions.Count > 0 ? Values.Map(storageOptions) : null;
        host.Links = links.Count > 0 ? links : null;
        host.Tmpfs = tmpfs.Count > 0
            ? tmpfs.Select(text => text.Split(':', 2)).ToDictionary(parts => parts[0], parts => parts.Length > 1 ? parts[1] : "", StringComparer.Ordinal)
            : null;
        config.Volumes = [];
        foreach (string volume in volumes)
            AddVolume(volume);

        host.Ulimits!.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name)); // set at construction
        SetCapabilities();
        host.Binds = OrNull(host.Binds);
        host.DeviceCgroupRules = OrNull(host.DeviceCgroupRules);
        host.ExtraHosts = OrNull(host.ExtraHosts);
        host.GroupAdd = OrNull(host.GroupAdd);
        host.VolumesFrom = OrNull(host.VolumesFrom);
    }

    /// <summary>Capabilities under their full names, sorted; one that is added is not dropped.</summary>
    private void SetCapabilities()
    {
        List<string> added = Capabilities(host.CapAdd);
        host.CapDrop = OrNull(Capabilities(host.CapDrop).FindAll(name => !added.Contains(name)));
        host.CapAdd = OrNull(added);
    }

    private static List<string> Capabilities(List<string>? names)
    {
        string[] full = [.. (names ?? []).Select(name => name.Trim().ToUpperInvariant())
            .Select(name => name == "ALL" || name.StartsWith("CAP_", StringComparison.Ordinal) ? name : "CAP_" + name)];
        return full.Contains("ALL") ? ["ALL"] : [.. full.Distinct().Order(StringComparer.Ordinal)];
    }

    /// <summary>Docker sends null where nothing was asked for, and the daemon shows what it was sent.</summary>
    private static List<string>? OrNull(List<string>? list) => list is { Count: > 0 } ? list : null;

    /// <summary>A path alone is an anonymous volume; of the same value twice one counts.</summary>
    private void AddVolume(string volume)
    {
        if (!OrFail(() => VolumeValue.IsBind(volume)))
            (config.Volumes ??= [])[volume] = EmptyObject.Value;
        else if (VolumeValue.ToBind(volume) is var bind && !host.Binds!.Contains(bind)) // set at construction
            host.Binds.Add(bind);
    }

    /// <summary>A seccomp profile is sent by its contents, since the daemon may not see the client's files.</summary>
    private static string ReadSecurityOption(string option)
    {
        const string Prefix = "seccomp=";
        if (!option.StartsWith(Prefix, StringComparison.Ordinal) || option[Prefix.Length..] is "unconfined" or "builtin")
            return option;

        string path = option[Prefix.Length..];
        try
        {
            return Prefix + File.ReadAllText(path, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"opening seccomp profile ({path}) failed: open {path}: {KeyValueFiles.Reason(exception)}", exitCode: 125);
        }
    }
}
