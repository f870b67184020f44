using System.Globalization;
using System.Text.Json;
using Berth.Dockerfile;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Build.Frontend;

/// <summary>What instructions change in an image's configuration, and how docker's history tells it.</summary>
internal static class ConfigChanges
{
    private const string Triggers = "OnBuild";
    private static readonly string[] DefaultShell = ["/bin/sh", "-c"];
    private static readonly JsonElement Present = JsonDocument.Parse("{}").RootElement;

    /// <summary>The shell of lines: the configuration's, or docker's default.</summary>
    public static IReadOnlyList<string> ShellOf(ImageRunConfig config) => ListOf(config, "Shell") is { Count: > 0 } shell ? shell : DefaultShell;

    /// <summary>The instructions that a build on top of the image begins with.</summary>
    public static IReadOnlyList<string> TriggersOf(ImageRunConfig config) => ListOf(config, Triggers);

    /// <summary>The configuration without its triggers, which are no business of the image that they were run for.</summary>
    public static ImageRunConfig WithoutTriggers(ImageRunConfig config) =>
        config.Other is { } other && other.ContainsKey(Triggers) ? config with { Other = new(other.Where(static member => member.Key != Triggers), StringComparer.Ordinal) } : config;

    /// <summary>Applies an instruction that has its variables in.</summary>
    /// <param name="config">Before it.</param>
    /// <param name="instruction">Any; those that change no configuration change nothing.</param>
    /// <param name="setsCommand">Whether the stage has a CMD so far: an ENTRYPOINT takes one of the image below away.</param>
    public static ImageRunConfig Apply(ImageRunConfig config, Instruction instruction, bool setsCommand) => instruction switch
    {
        EnvInstruction env => config with { Env = MergeEnv(config.Env ?? [], env.Variables) },
        LabelInstruction label => config with { Labels = WithLabels(config.Labels, label.Labels.Select(static pair => KeyValuePair.Create(pair.Name, pair.Value))) },
        WorkdirInstruction workdir => config with { WorkingDir = Resolve(config, workdir.Path) },
        UserInstruction user => config with { User = user.User },
        VolumeInstruction volume => config with { Volumes = With(config.Volumes, volume.Paths) },
        ExposeInstruction expose => config with { ExposedPorts = With(config.ExposedPorts, ExposedPorts.Parse(expose.Specs, null, expose.Range)) },
        StopSignalInstruction signal => config with { StopSignal = signal.Signal },
        CmdInstruction cmd => config with { Cmd = Words(config, cmd.Command) },
        EntrypointInstruction { Command: { IsShell: false, Words.Count: 0 } } => config with { Entrypoint = null },
        EntrypointInstruction entrypoint => config with { Entrypoint = Words(config, entrypoint.Command), Cmd = setsCommand ? config.Cmd : null },
        ShellInstruction shell => With(config, "Shell", ToElement(shell.Shell)),
        HealthcheckInstruction health => With(config, "Healthcheck", ToElement(health)),
        OnbuildInstruction onbuild => With(config, Triggers, ToElement([.. TriggersOf(config), onbuild.Trigger])),
        _ => config,
    };

    /// <summary>With labels; later ones win.</summary>
    public static Dictionary<string, string> WithLabels(Dictionary<string, string>? labels, IEnumerable<KeyValuePair<string, string>> more)
    {
        var result = new Dictionary<string, string>(labels ?? [], StringComparer.Ordinal);
        foreach ((string name, string value) in more)
        {
            result[name] = value;
        }

        return result;
    }

    /// <summary>A path as the working folder makes it absolute, without needless parts.</summary>
    public static string Resolve(ImageRunConfig config, string path) => path.Contains('\0', StringComparison.Ordinal) || config.WorkingDir?.Contains('\0', StringComparison.Ordinal) == true
        ? throw new EngineException(ErrorKind.InvalidArgument, "a path cannot have a NUL character in it")
        : System.IO.Path.GetFullPath(path, string.IsNullOrEmpty(config.WorkingDir) ? "/" : System.IO.Path.GetFullPath(config.WorkingDir, "/"));

    /// <summary>The command line of a RUN, CMD or ENTRYPOINT.</summary>
    public static IReadOnlyList<string> Words(ImageRunConfig config, CommandLine command) => command.IsShell ? [.. ShellOf(config), command.ToShellText()] : command.Words;

    /// <summary>What docker's history says of an instruction that changes the configuration alone.</summary>
    /// <param name="after">The configuration after it.</param>
    /// <param name="instruction">With its variables in.</param>
    public static string Describe(ImageRunConfig after, Instruction instruction) => instruction switch
    {
        EnvInstruction env => "ENV " + string.Join(' ', env.Variables.Select(static pair => $"{pair.Name}={pair.Value}")),
        LabelInstruction label => "LABEL " + string.Join(' ', label.Labels.Select(static pair => $"{pair.Name}={pair.Value}")),
        ArgInstruction arg => "ARG " + string.Join(' ', arg.Args.Select(static one => one.Default is null ? one.Name : $"{one.Name}={one.Default}")),
        WorkdirInstruction => "WORKDIR " + after.WorkingDir,
        UserInstruction user => "USER " + user.User,
        VolumeInstruction volume => $"VOLUME [{string.Join(' ', volume.Paths)}]",
        ExposeInstruction expose => "EXPOSE " + string.Join(' ', expose.Specs.Order(StringComparer.Ordinal)),
        StopSignalInstruction signal => "STOPSIGNAL " + signal.Signal,
        CmdInstruction => "CMD " + Quote(after.Cmd),
        EntrypointInstruction => "ENTRYPOINT " + Quote(after.Entrypoint),
        ShellInstruction shell => $"SHELL [{string.Join(' ', shell.Shell)}]",
        MaintainerInstruction maintainer => "MAINTAINER " + maintainer.Name,
        OnbuildInstruction onbuild => "ONBUILD " + onbuild.Trigger,
        HealthcheckInstruction health => "HEALTHCHECK &{" + Quote(health.Test) + Times(health) + "}",
        _ => instruction.Original,
    };

    private static string Times(HealthcheckInstruction health) =>
        $" {GoText(health.Interval)} {GoText(health.Timeout)} {GoText(health.StartPeriod)} '\\x{(health.Retries ?? 0).ToString("x2", CultureInfo.InvariantCulture)}'";

    private static string GoText(TimeSpan? time) => $"\"{GoDuration.Format(time ?? TimeSpan.Zero)}\"";

    private static string Quote(IReadOnlyList<string>? words) => $"[{string.Join(' ', (words ?? []).Select(QuotedText.Of))}]";

    private static List<string> MergeEnv(IReadOnlyList<string> present, IReadOnlyList<KeyValue> variables)
    {
        List<string> result = [.. present];
        foreach (KeyValue variable in variables)
        {
            string entry = $"{variable.Name}={variable.Value}";
            int at = result.FindIndex(known => known.StartsWith(variable.Name + "=", StringComparison.Ordinal));
            if (at < 0)
            {
                result.Add(entry);
            }
            else
            {
                result[at] = entry;
            }
        }

        return result;
    }

    private static Dictionary<string, JsonElement> With(Dictionary<string, JsonElement>? set, IEnumerable<string> names)
    {
        var result = new Dictionary<string, JsonElement>(set ?? [], StringComparer.Ordinal);
        foreach (string name in names)
        {
            result[name] = Present;
        }

        return result;
    }

    private static ImageRunConfig With(ImageRunConfig config, string member, JsonElement value) =>
        config with { Other = new Dictionary<string, JsonElement>(config.Other ?? [], StringComparer.Ordinal) { [member] = value } };

    private static List<string> ListOf(ImageRunConfig config, string member) =>
        config.Other is { } other && other.TryGetValue(member, out JsonElement value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Where(static item => item.ValueKind == JsonValueKind.String).Select(static item => item.GetString()!)] // strings only
            : [];

    private static JsonElement ToElement(IReadOnlyList<string> list) => Write(writer => WriteList(writer, list));

    private static JsonElement ToElement(HealthcheckInstruction health) => Write(writer =>
    {
        writer.WriteStartObject();
        writer.WritePropertyName("Test");
        WriteList(writer, health.Test);
        foreach ((string member, TimeSpan? time) in (ReadOnlySpan<(string, TimeSpan?)>)
            [("Interval", health.Interval), ("Timeout", health.Timeout), ("StartPeriod", health.StartPeriod), ("StartInterval", health.StartInterval)])
        {
            if (time is { } set && set != TimeSpan.Zero)
            {
                writer.WriteNumber(member, set.Ticks * 100);
            }
        }

        if (health.Retries is > 0)
        {
            writer.WriteNumber("Retries", health.Retries.Value);
        }

        writer.WriteEndObject();
    });

    private static void WriteList(Utf8JsonWriter writer, IReadOnlyList<string> list)
    {
        writer.WriteStartArray();
        foreach (string item in list)
        {
            writer.WriteStringValue(item);
        }

        writer.WriteEndArray();
    }

    private static JsonElement Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            write(writer);
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }
}
