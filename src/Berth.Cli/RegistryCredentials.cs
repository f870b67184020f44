using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli;

/// <summary>The credentials for registries in a <c>config.json</c>.</summary>
internal static class RegistryCredentials
{
    private static readonly JsonWriterOptions Layout = new() { Indented = true, IndentCharacter = '\t', IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A <c>config.json</c> with the credentials of <paramref name="file"/> and nothing else; empty when it has none.</summary>
    /// <exception cref="CommandFailedException">The file cannot be read, an entry is broken, or the credentials are kept by a helper program.</exception>
    public static byte[] Read(string file)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            JsonElement root = document.RootElement;
            if (root.Text("credsStore") is { Length: > 0 } store)
                throw KeptElsewhere(file, "credsStore", store);

            if (root.Pairs("credHelpers").Select(static pair => pair.Value).FirstOrDefault() is { } helper)
                throw KeptElsewhere(file, "credHelpers", helper);

            return root.TryGetProperty("auths", out JsonElement auths) && auths.ValueKind == JsonValueKind.Object ? Write(file, auths) : [];
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException($"open {file}: {KeyValueFiles.Reason(exception)}", exitCode: 125);
        }
        catch (JsonException exception)
        {
            throw new CommandFailedException($"{file}: {exception.Message}", exitCode: 125);
        }
    }

    private static CommandFailedException KeptElsewhere(string file, string member, string helper) => new(
        $"{file} has {member} \"{helper}\": credentials that a helper program keeps cannot be copied; name a configuration of the container's own with -e DOCKER_CONFIG=FOLDER", exitCode: 125);

    private static byte[] Write(string file, JsonElement auths)
    {
        JsonProperty[] entries = [.. auths.EnumerateObject().OrderBy(static entry => entry.Name, StringComparer.Ordinal)];
        if (entries.Length == 0)
            return [];

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("auths");
            foreach (JsonProperty entry in entries)
            {
                writer.WriteStartObject(entry.Name);
                WriteEntry(writer, file, entry);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteEntry(Utf8JsonWriter writer, string file, JsonProperty entry)
    {
        if (entry.Value.ValueKind != JsonValueKind.Object)
            throw new CommandFailedException($"{file}: the entry of \"{entry.Name}\" is no object", exitCode: 125);

        string auth = entry.Value.Text("auth");
        if (auth.Length > 0)
            CheckPair(auth);
        else if (entry.Value.Text("username") is { } user && entry.Value.Text("password") is { } password && user.Length + password.Length > 0)
            auth = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));

        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
            [("auth", auth), ("email", entry.Value.Text("email")), ("identitytoken", entry.Value.Text("identitytoken")), ("registrytoken", entry.Value.Text("registrytoken"))])
        {
            if (value.Length > 0)
                writer.WriteString(name, value);
        }
    }

    private static void CheckPair(string auth)
    {
        try
        {
            if (Convert.FromBase64String(auth).Contains((byte)':'))
                return;
        }
        catch (FormatException exception)
        {
            throw new CommandFailedException("invalid auth configuration file: " + exception.Message, exitCode: 125);
        }

        throw new CommandFailedException("invalid auth configuration file", exitCode: 125);
    }
}
