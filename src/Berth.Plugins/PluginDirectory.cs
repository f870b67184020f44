using System.Text.Json;
using Berth.Model;

namespace Berth.Plugins;

/// <summary>Finds plugins by name in their folders, as docs/extend/plugin_api.md of docker's has it: sockets first, then <c>.spec</c>, then <c>.json</c>. Nothing is remembered.</summary>
internal sealed class PluginDirectory(PluginOptions options)
{
    private const int MaxSpec = 1 << 16;

    /// <summary>Where the plugin listens; null: nothing tells of one of this name.</summary>
    /// <exception cref="EngineException">InvalidArgument: the file that tells of it cannot be read, or says nothing that is understood.</exception>
    public PluginAddress? Find(string name)
    {
        // A name is part of a path here: it stays inside of the folders.
        if (name.Length == 0 || name is "." or ".." || name.AsSpan().ContainsAny('/', '\0'))
        {
            return null;
        }

        if (Existing(options.SocketFolder, name, ".sock") is { } socket)
        {
            return new PluginAddress(socket, "", 0, null);
        }

        foreach (string folder in options.SpecFolders)
        {
            if (Existing(folder, name, ".spec") is { } spec)
            {
                return PluginAddress.Parse(name, Read(name, spec).Trim(), null);
            }

            if (Existing(folder, name, ".json") is { } json)
            {
                return ParseJson(name, json, Read(name, json));
            }
        }

        return null;
    }

    private static string? Existing(string folder, string name, string extension)
    {
        string direct = Path.Combine(folder, name + extension), nested = Path.Combine(folder, name, name + extension);
        return File.Exists(direct) ? direct : File.Exists(nested) ? nested : null;
    }

    private static PluginAddress ParseJson(string name, string path, string text)
    {
        try
        {
            PluginSpec spec = JsonSerializer.Deserialize(text, PluginJson.Default.PluginSpec) ?? throw new JsonException("it is null");
            return PluginAddress.Parse(name, spec.Addr, spec.TLSConfig);
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{name}\": {path} is not what tells of a plugin: {exception.Message}", exception);
        }
    }

    private static string Read(string name, string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxSpec ? File.ReadAllText(path) : throw new IOException($"it has more than {MaxSpec} bytes");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{name}\": {path} cannot be read: {exception.Message}", exception);
        }
    }
}
