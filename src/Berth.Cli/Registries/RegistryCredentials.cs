using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Terminal;
using Berth.Model;

namespace Berth.Cli.Registries;

/// <summary>
/// The credentials for registries of one <c>config.json</c>: its member <c>auths</c>, or the program that <c>credHelpers</c> (for one registry) or <c>credsStore</c> (for the others)
/// names. In a file without any of these, the keeper of the desktop is used where it is installed, as by the stock client.
/// </summary>
internal sealed class RegistryCredentials
{
    private const string Auths = "auths";
    private static readonly JsonWriterOptions Layout = new() { Indented = true, IndentCharacter = '\t', IndentSize = 1, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly ConfigFile file;
    private readonly string store;

    private RegistryCredentials(ConfigFile file)
    {
        this.file = file;
        store = file.Text("credsStore") is { Length: > 0 } named ? named : DefaultStore(file);
    }

    /// <summary>Where they are, or where it says which program keeps them.</summary>
    public string File => file.Path;

    /// <summary>Reads the file; one that is not there has none.</summary>
    /// <exception cref="CommandFailedException">It cannot be read.</exception>
    public static RegistryCredentials Open(string path) => new(ConfigFile.Read(path));

    /// <summary>Those for an image's registry. What stands in the way is told and no failure: most images are there for everybody.</summary>
    public static RegistryAuth? Of(CliContext context, ImageReference image) => Of(context, RegistryKey.Of(image));

    /// <inheritdoc cref="Of(CliContext, ImageReference)"/>
    public static RegistryAuth? Of(CliContext context, string key)
    {
        try
        {
            return Open(context.ConfigPath).Get(key);
        }
        catch (CommandFailedException exception)
        {
            context.Warn($"no credentials for {key}: {exception.Message}");
            return null;
        }
    }

    /// <summary>All of the user's. What stands in the way is told and no failure.</summary>
    public static IReadOnlyDictionary<string, RegistryAuth> AllOf(CliContext context)
    {
        try
        {
            return Open(context.ConfigPath).GetAll();
        }
        catch (CommandFailedException exception)
        {
            context.Warn("no credentials for registries: " + exception.Message);
            return new Dictionary<string, RegistryAuth>();
        }
    }

    /// <summary>Those that are kept under a key, or in the file under an address with the same host; null for none.</summary>
    /// <exception cref="CommandFailedException">The entry is broken, or the program that keeps them fails.</exception>
    public RegistryAuth? Get(string key)
    {
        if (HelperOf(key) is { } helper)
            return helper.Get(key);

        JsonProperty[] entries = [.. file.Entries(Auths)];
        foreach (JsonProperty entry in entries.Where(entry => entry.Name == key).Concat(entries.Where(entry => RegistryKey.HostOf(entry.Name) == key)))
            return Read(entry);

        return null;
    }

    /// <summary>All of them by key, in order.</summary>
    /// <inheritdoc cref="Get"/>
    public SortedDictionary<string, RegistryAuth> GetAll()
    {
        var all = new SortedDictionary<string, RegistryAuth>(StringComparer.Ordinal);
        if (store.Length > 0)
        {
            var helper = new CredentialHelper(store);
            foreach (string key in helper.List())
                Add(key, helper.Get(key));
        }
        else
        {
            foreach (JsonProperty entry in file.Entries(Auths))
                Add(entry.Name, Read(entry));
        }

        foreach (JsonProperty entry in file.Entries("credHelpers"))
            Add(entry.Name, HelperOf(entry.Name)?.Get(entry.Name));

        return all;

        void Add(string key, RegistryAuth? auth)
        {
            if (auth is not null)
                all[key] = auth;
        }
    }

    /// <summary>Keeps credentials under their address.</summary>
    /// <returns>Whether a password now stands in the file that did not before.</returns>
    /// <exception cref="CommandFailedException">The program that keeps them fails, or the file cannot be written.</exception>
    public bool Store(RegistryAuth auth)
    {
        string key = auth.ServerAddress ?? RegistryKey.DockerHub;
        CredentialHelper? helper = HelperOf(key);
        helper?.Store(auth);
        if (!file.SetEntry(Auths, key, helper is null ? Entry(auth, depth: 2) : "{}"))
            return false;

        file.Write();
        return helper is null && !string.IsNullOrEmpty(auth.Password);
    }

    /// <summary>Forgets what is kept under a key; nothing to forget is no error in the file, but may be one for a program.</summary>
    /// <inheritdoc cref="Store"/>
    public void Erase(string key)
    {
        HelperOf(key)?.Erase(key);
        if (file.SetEntry(Auths, key, json: null))
            file.Write();
    }

    /// <summary>A <c>config.json</c> with the credentials and nothing else, those of programs too; empty when there are none.</summary>
    /// <exception cref="CommandFailedException">As with <see cref="Get"/>.</exception>
    public byte[] Export()
    {
        SortedDictionary<string, RegistryAuth> all = GetAll();
        if (all.Count == 0)
            return [];

        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
        {
            writer.WriteStartObject();
            writer.WriteStartObject(Auths);
            foreach ((string key, RegistryAuth auth) in all)
            {
                writer.WritePropertyName(key);
                writer.WriteRawValue(Entry(auth, depth: 2));
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string DefaultStore(ConfigFile file)
    {
        const string Pass = "pass", Desktop = "secretservice";
        if (file.Entries("credHelpers").Any() || file.Entries(Auths).Any())
            return "";

        string name = IsInPath(Pass) ? Pass : Desktop;
        return CredentialHelper.IsInstalled(name) ? name : "";
    }

    private static bool IsInPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && System.IO.File.Exists(Path.Combine(folder, program)));

    private CredentialHelper? HelperOf(string key)
    {
        foreach (JsonProperty entry in file.Entries("credHelpers"))
        {
            if (entry.Name == key && entry.Value.ValueKind == JsonValueKind.String && entry.Value.GetString() is { Length: > 0 } name)
                return new CredentialHelper(name);
        }

        return store.Length > 0 ? new CredentialHelper(store) : null;
    }

    private RegistryAuth Read(JsonProperty entry)
    {
        if (entry.Value.ValueKind != JsonValueKind.Object)
            throw new CommandFailedException($"{File}: the entry of \"{entry.Name}\" is no object", exitCode: 1);

        (string user, string password) = entry.Value.Text("auth") is { Length: > 0 } pair ? Split(entry.Name, pair) : (entry.Value.Text("username"), entry.Value.Text("password"));
        return new RegistryAuth
        {
            Username = NotEmpty(user),
            Password = NotEmpty(password),
            Email = NotEmpty(entry.Value.Text("email")),
            ServerAddress = entry.Name,
            IdentityToken = NotEmpty(entry.Value.Text("identitytoken")),
            RegistryToken = NotEmpty(entry.Value.Text("registrytoken")),
        };
    }

    private (string User, string Password) Split(string key, string pair)
    {
        try
        {
            string text = Encoding.UTF8.GetString(Convert.FromBase64String(pair));
            int colon = text.IndexOf(':');
            if (colon > 0)
                return (text[..colon], text[(colon + 1)..].Trim('\0'));
        }
        catch (FormatException)
        {
            // Told below: what it is instead may be a secret.
        }

        throw new CommandFailedException($"invalid auth configuration file: {File}: the auth of \"{key}\" is not base64 of USER:PASSWORD; log in again", exitCode: 1);
    }

    // The layout of a value that stands so deep in the file.
    private static string Entry(RegistryAuth auth, int depth)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Layout))
        {
            writer.WriteStartObject();
            string pair = string.IsNullOrEmpty(auth.Username) && string.IsNullOrEmpty(auth.Password) ? "" : Convert.ToBase64String(Encoding.UTF8.GetBytes($"{auth.Username}:{auth.Password}"));
            foreach ((string name, string? value) in (ReadOnlySpan<(string, string?)>)
                [("auth", pair), ("email", auth.Email), ("identitytoken", auth.IdentityToken), ("registrytoken", auth.RegistryToken)])
            {
                if (!string.IsNullOrEmpty(value))
                    writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()).Replace("\n", "\n" + new string('\t', depth), StringComparison.Ordinal);
    }

    private static string? NotEmpty(string text) => text.Length == 0 ? null : text;
}
