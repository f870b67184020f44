using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Images;

/// <summary>Applies Dockerfile instructions that change an image's run configuration, as <c>import --change</c> gives them.</summary>
public static class ImageChanges
{
    private static readonly JsonElement Present = JsonDocument.Parse("{}").RootElement;

    /// <summary>Applies <paramref name="changes"/> in order to an empty configuration.</summary>
    /// <exception cref="EngineException">InvalidArgument or NotImplemented naming the instruction.</exception>
    public static ImageRunConfig Apply(IEnumerable<string> changes) => changes.Aggregate(new ImageRunConfig(), Apply);

    private static ImageRunConfig Apply(ImageRunConfig config, string change)
    {
        string line = change.Trim();
        int space = line.IndexOfAny([' ', '\t']);
        string keyword = (space < 0 ? line : line[..space]).ToUpperInvariant();
        string rest = space < 0 ? "" : line[space..].Trim();
        if (rest.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{keyword} requires at least one argument");
        }

        return keyword switch
        {
            "CMD" => config with { Cmd = CommandLine(rest) },
            "ENTRYPOINT" => config with { Entrypoint = CommandLine(rest) },
            "USER" => config with { User = Evaluate(config, rest) },
            "WORKDIR" => config with { WorkingDir = Path.GetFullPath(Evaluate(config, rest), config.WorkingDir ?? "/") },
            "STOPSIGNAL" => config with { StopSignal = Evaluate(config, rest) },
            "ENV" => config with { Env = Containers.EnvironmentList.Merge(config.Env ?? [], Pairs(config, keyword, rest)) },
            "LABEL" => config with { Labels = Merge(config.Labels, Pairs(config, keyword, rest)) },
            "EXPOSE" => config with { ExposedPorts = Add(config.ExposedPorts, Words(config, rest).SelectMany(ExposedPorts.Parse)) },
            "VOLUME" => config with { Volumes = Add(config.Volumes, JsonWords(rest) ?? Words(config, rest)) },
            "ONBUILD" or "HEALTHCHECK" or "SHELL" => throw new EngineException(ErrorKind.NotImplemented, $"change {keyword} is not supported yet"),
            _ => throw new EngineException(ErrorKind.InvalidArgument, $"{keyword} is not a valid change command"),
        };
    }

    // A JSON array is the command itself; all else is a line for the shell.
    private static List<string> CommandLine(string text) => JsonWords(text) ?? ["/bin/sh", "-c", text];

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
