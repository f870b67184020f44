using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Images;

/// <summary>Applies Dockerfile instructions that change an image's run configuration, as <c>import</c> and <c>commit</c> take them.</summary>
public static class ImageChanges
{
    private static readonly JsonElement Present = JsonDocument.Parse("{}").RootElement;

    /// <summary>Applies <paramref name="changes"/> in order to an empty configuration.</summary>
    /// <exception cref="EngineException">InvalidArgument or NotImplemented naming the instruction.</exception>
    public static ImageRunConfig Apply(IEnumerable<string> changes) => Apply(new ImageRunConfig(), [.. changes]);

    /// <summary>Applies <paramref name="changes"/> in order to <paramref name="start"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words; NotImplemented naming what is not built.</exception>
    public static ImageRunConfig Apply(ImageRunConfig start, IReadOnlyList<string> changes)
    {
        bool setsCommand = false;
        foreach (string change in changes.SelectMany(Lines))
        {
            start = Apply(start, change, ref setsCommand);
        }

        return start;
    }

    // One change may be a few lines of a Dockerfile: some clients join all of theirs, and a line may go on after a backslash.
    private static IEnumerable<string> Lines(string change)
    {
        string[] lines = [.. change.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\\\n", "", StringComparison.Ordinal).Split('\n')
            .Where(static line => line.AsSpan().Trim() is { Length: > 0 } text && text[0] != '#')];
        return lines.Length > 0 ? lines : [""];
    }

    private static ImageRunConfig Apply(ImageRunConfig config, string change, ref bool setsCommand)
    {
        string line = change.Trim();
        if (line.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "file with no instructions");
        }

        int space = line.IndexOfAny([' ', '\t']);
        string keyword = (space < 0 ? line : line[..space]).ToUpperInvariant();
        string rest = space < 0 ? "" : line[space..].Trim();
        if (keyword is not ("CMD" or "ENTRYPOINT" or "USER" or "WORKDIR" or "ENV" or "LABEL" or "EXPOSE" or "VOLUME" or "ONBUILD" or "HEALTHCHECK" or "STOPSIGNAL"))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{keyword.ToLowerInvariant()} is not a valid change command");
        }

        if (rest.Length == 0 && keyword is not ("CMD" or "ENTRYPOINT"))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{keyword} requires {(keyword is "USER" or "WORKDIR" or "STOPSIGNAL" ? "exactly" : "at least")} one argument");
        }

        setsCommand |= keyword == "CMD";
        return keyword switch
        {
            "CMD" => config with { Cmd = CommandLine(rest) },
            // An entrypoint takes an older command away, as that was meant for what started before.
            "ENTRYPOINT" => config with { Entrypoint = rest.Length == 0 ? null : CommandLine(rest), Cmd = setsCommand ? config.Cmd : null },
            "USER" => config with { User = Evaluate(config, rest) },
            "WORKDIR" => config with { WorkingDir = Path.GetFullPath(Evaluate(config, rest), string.IsNullOrEmpty(config.WorkingDir) ? "/" : config.WorkingDir) },
            "STOPSIGNAL" => config with { StopSignal = Evaluate(config, rest) },
            "ENV" => config with { Env = Containers.EnvironmentList.Merge(config.Env ?? [], Pairs(config, keyword, rest)) },
            "LABEL" => config with { Labels = Merge(config.Labels, Pairs(config, keyword, rest)) },
            "EXPOSE" => config with { ExposedPorts = Add(config.ExposedPorts, Words(config, rest).SelectMany(ExposedPorts.Parse)) },
            "VOLUME" => config with { Volumes = Add(config.Volumes, JsonWords(rest) ?? Words(config, rest)) },
            "ONBUILD" => With(config, "OnBuild", Trigger(config, rest)),
            _ => With(config, "Healthcheck", HealthcheckChange.Parse(rest, JsonWords)),
        };
    }

    private static ImageRunConfig With(ImageRunConfig config, string member, JsonElement value) =>
        config with { Other = new Dictionary<string, JsonElement>(config.Other ?? [], StringComparer.Ordinal) { [member] = value } };

    private static JsonElement Trigger(ImageRunConfig config, string rest)
    {
        string instruction = rest.Split([' ', '\t'], 2)[0].ToUpperInvariant();
        switch (instruction)
        {
            case "ONBUILD":
                throw new EngineException(ErrorKind.InvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
            case "MAINTAINER" or "FROM":
                throw new EngineException(ErrorKind.InvalidArgument, $"{instruction} isn't allowed as an ONBUILD trigger");
        }

        JsonElement[] earlier = config.Other is not null && config.Other.TryGetValue("OnBuild", out JsonElement list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach (JsonElement trigger in earlier)
            {
                trigger.WriteTo(writer);
            }

            writer.WriteStringValue(rest);
            writer.WriteEndArray();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    // A JSON array is the command itself; all else is a line for the shell.
    private static List<string> CommandLine(string text) => JsonWords(text) ?? (text.Length == 0 ? ["/bin/sh", "-c"] : ["/bin/sh", "-c", text]);

    private static List<string>? JsonWords(string text)
    {
        if (text.StartsWith('['))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(text);
                return [.. document.RootElement.EnumerateArray().Select(static word => word.GetString() ?? "")];
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                // Not a JSON array of strings: plain text, as in a Dockerfile.
            }
        }

        return null;
    }

    private static List<string> Pairs(ImageRunConfig config, string keyword, string text)
    {
        List<string> words = ChangeWords.Split(text);
        if (!words[0].Contains('=', StringComparison.Ordinal))
        {
            int space = text.IndexOfAny([' ', '\t']);
            return space < 0
                ? throw new EngineException(ErrorKind.InvalidArgument, $"{keyword} must have two arguments")
                : [Pair(config, keyword, text[..space], text[space..].Trim())]; // the old form: one name, a space, the value
        }

        return words.Find(static word => !word.Contains('=', StringComparison.Ordinal)) is { } bad
            ? throw new EngineException(ErrorKind.InvalidArgument, $"Syntax error - can't find = in \"{bad}\". Must be of the form: name=value")
            : [.. words.Select(word => word.IndexOf('=', StringComparison.Ordinal) is var equals ? Pair(config, keyword, word[..equals], word[(equals + 1)..]) : "")];
    }

    private static string Pair(ImageRunConfig config, string keyword, string name, string value)
    {
        string evaluated = Evaluate(config, name);
        return evaluated.Length > 0
            ? evaluated + "=" + Evaluate(config, value)
            : throw new EngineException(ErrorKind.InvalidArgument, $"{keyword} names can not be blank");
    }

    private static string Evaluate(ImageRunConfig config, string text) => ChangeWords.Evaluate(text, config.Env ?? []);

    // Words of instructions whose quotes do not keep words together.
    private static IEnumerable<string> Words(ImageRunConfig config, string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(word => Evaluate(config, word));

    private static Dictionary<string, string> Merge(Dictionary<string, string>? labels, IEnumerable<string> pairs)
    {
        var result = new Dictionary<string, string>(labels ?? [], StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            result[pair[..equals]] = pair[(equals + 1)..];
        }

        return result;
    }

    private static Dictionary<string, JsonElement> Add(Dictionary<string, JsonElement>? set, IEnumerable<string> keys)
    {
        var result = new Dictionary<string, JsonElement>(set ?? [], StringComparer.Ordinal);
        foreach (string key in keys)
        {
            result[key] = Present;
        }

        return result;
    }
}
