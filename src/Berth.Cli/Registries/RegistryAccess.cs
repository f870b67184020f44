using Berth.Api;
using Berth.Model;
using Berth.Registry;

namespace Berth.Cli.Registries;

/// <summary>Registries as this program reaches them itself, without the daemon.</summary>
internal static class RegistryAccess
{
    /// <summary>The user's own settings, in the folder of config.json.</summary>
    public const string OwnFile = "registries.json";

    /// <summary>Mirrors, certificates, proxies and insecure registries: of the user's own file; without one, of the machine's daemon.json where this user may read it.</summary>
    /// <param name="context">The user's.</param>
    /// <param name="insecure">Registries whose certificates are not checked besides, and that may be spoken to in plain text.</param>
    /// <exception cref="CommandFailedException">The file is malformed.</exception>
    public static RegistryOptions OptionsOf(CliContext context, params IReadOnlyList<string> insecure)
    {
        RegistryOptions options = Read(context, Path.Combine(context.ConfigFolder, OwnFile));
        return options with { InsecureRegistries = [.. options.InsecureRegistries, .. insecure] };
    }

    private static readonly HashSet<string> told = new(StringComparer.Ordinal); // once for a command, which may open several registries

    private static RegistryOptions Read(CliContext context, string own)
    {
        var options = new RegistryOptions();
        try
        {
            return File.Exists(own) ? RegistrySettings.ReadFile(options, own, hasOthers: false, RegistrySettings.ReadPassword)
                : IsReadable(RegistrySettings.DefaultFile) ? RegistrySettings.ReadFile(options, RegistrySettings.DefaultFile, hasOthers: true, path => PasswordOf(context, path))
                : options;
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    private static bool IsReadable(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // The mirror's password may be the daemon's alone: it is asked as nobody then.
    private static string? PasswordOf(CliContext context, string path)
    {
        try
        {
            return RegistrySettings.ReadPassword(path);
        }
        catch (Exception exception) when (exception is UnauthorizedAccessException or IOException)
        {
            if (told.Add(path))
                context.Warn($"no password for a mirror: {exception.Message}");

            return null;
        }
    }

    /// <summary>The same credentials in the registry library's form.</summary>
    public static RegistryCredential ToCredential(RegistryAuth? auth) => auth is null ? RegistryCredential.None : new RegistryCredential
    {
        Username = auth.Username ?? "",
        Password = auth.Password ?? "",
        IdentityToken = auth.IdentityToken ?? "",
        RegistryToken = auth.RegistryToken ?? "",
    };
}
