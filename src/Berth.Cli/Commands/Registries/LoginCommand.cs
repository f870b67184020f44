using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Registries;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux.Terminal;
using Berth.Model;
using Berth.Registry;

namespace Berth.Cli.Commands.Registries;

/// <summary><c>berth login</c>: the daemon tries the credentials (this program itself where there is no daemon), and they are kept.</summary>
internal sealed class LoginCommand
{
    private const string HubIntroduction =
        "Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\n"
        + "You can log in with your password or a Personal Access Token (PAT). Using a limited-scope PAT grants better security and is required for organizations using SSO."
        + " Learn more at https://docs.docker.com/go/access-tokens/\n";

    private readonly FlagSet flags;
    private string user = "";
    private string password = "";
    private bool readsPassword;

    private LoginCommand(FlagSet flags)
    {
        this.flags = flags;
        flags.Text("password", 'p', "Password or Personal Access Token (PAT)", value => password = value);
        flags.Switch("password-stdin", null, "Take the Password or Personal Access Token (PAT) from stdin", value => readsPassword = value);
        flags.Text("username", 'u', "Username", value => user = value);
    }

    public static Command Create(string path)
    {
        var declared = new FlagSet();
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] [SERVER]",
            Summary = "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
            Flags = declared,
            Arguments = ArgumentCount.AtMost(1),
            RunAsync = new LoginCommand(declared).RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> servers)
    {
        CheckFlags(context);
        string key = RegistryKey.OfServer(servers.Count == 0 ? "" : servers[0]);
        RegistryCredentials credentials = RegistryCredentials.Open(context.ConfigPath);
        RegistryAuth? kept = user.Length == 0 && password.Length == 0 ? credentials.Get(key) : null;
        if (kept is { Username.Length: > 0, Password.Length: > 0 } && await TryKeptAsync(context, credentials, kept with { ServerAddress = key, IdentityToken = null }))
            return 0;

        RegistryAuth asked = Ask(context, key, kept?.Username ?? "");
        AuthResponse response = await LoginAsync(context, asked);
        Keep(context, credentials, asked, response);
        return 0;
    }

    private void CheckFlags(CliContext context)
    {
        if (flags.Changed("username") && user.Trim().Length == 0)
            throw new CommandFailedException("username is empty", exitCode: 1);

        if (flags.Changed("password") && password.Length == 0)
            throw new CommandFailedException("password is empty", exitCode: 1);

        if (password.Length > 0)
        {
            context.Say("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
            if (readsPassword)
                throw new CommandFailedException("conflicting options: cannot specify both --password and --password-stdin", exitCode: 1);
        }

        if (!readsPassword)
            return;

        if (user.Length == 0)
            throw new CommandFailedException("the --password-stdin option requires --username to be set", exitCode: 1);

        password = Prompt.ReadAll(context).Trim();
    }

    private static async Task<bool> TryKeptAsync(CliContext context, RegistryCredentials credentials, RegistryAuth kept)
    {
        context.Say($"Authenticating with existing credentials... [Username: {kept.Username}]");
        Note.Write(context.Error, LocalTerminal.IsTerminal(2), "To login with a different account, run 'berth logout' followed by 'berth login'");
        context.Error.Write("\n\n");
        context.Error.Flush();
        try
        {
            Keep(context, credentials, kept, await LoginAsync(context, kept));
            return true;
        }
        catch (EngineException exception)
        {
            context.Say(exception.Kind == ErrorKind.Unauthorized
                ? "Stored credentials invalid or expired"
                : "Login did not succeed, error: " + ErrorText.Of(exception));
            context.Error.Flush();
            return false;
        }
    }

    private RegistryAuth Ask(CliContext context, string key, string suggestion)
    {
        if (password.Length == 0 && !Prompt.IsPossible(context))
            throw new CommandFailedException("Error: Cannot perform an interactive login from a non TTY device", exitCode: 1);

        string name = user.Trim();
        bool isHub = key == RegistryKey.DockerHub;
        if (name.Length == 0)
        {
            if (isHub)
                context.Out.WriteLine(HubIntroduction);

            name = Prompt.Ask(context, suggestion.Length == 0 ? "Username: " : $"Username ({suggestion}): ");
            if (name.Length == 0)
                name = suggestion;
        }

        if (name.Length == 0)
            throw new CommandFailedException("Error: Non-null Username Required", exitCode: 1);

        if (password.Length == 0)
        {
            if (isHub)
                Note.Write(context.Out, LocalTerminal.IsTerminal(1), "A Personal Access Token (PAT) can be used instead.\nTo create a PAT, visit https://app.docker.com/settings\n\n");

            password = Prompt.AskSecret(context, "Password: ");
        }

        return password.Length > 0
            ? new RegistryAuth { Username = name, Password = password, ServerAddress = key }
            : throw new CommandFailedException("Error: Password Required", exitCode: 1);
    }

    private static async Task<AuthResponse> LoginAsync(CliContext context, RegistryAuth auth)
    {
        try
        {
            return await context.Client.LoginAsync(auth);
        }
        catch (EngineConnectionException)
        {
            using var registries = new RegistryClient(RegistryAccess.OptionsOf(context));
            string domain = auth.ServerAddress == RegistryKey.DockerHub ? ImageReference.DefaultDomain : auth.ServerAddress!; // asked for above
            string token = await OwnAsync(registries.LoginAsync(domain, RegistryAccess.ToCredential(auth), CancellationToken.None));
            return new AuthResponse { Status = "Login Succeeded", IdentityToken = token };
        }
    }

    // A registry that refuses this program is no daemon.
    private static async Task<string> OwnAsync(Task<string> login)
    {
        try
        {
            return await login;
        }
        catch (EngineException exception) when (exception.Kind != ErrorKind.Unauthorized)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    private static void Keep(CliContext context, RegistryCredentials credentials, RegistryAuth auth, AuthResponse response)
    {
        RegistryAuth kept = response.IdentityToken.Length > 0 ? auth with { Password = null, IdentityToken = response.IdentityToken } : auth;
        bool isPlain;
        try
        {
            isPlain = credentials.Store(kept);
        }
        catch (CommandFailedException exception)
        {
            throw new CommandFailedException("Error saving credentials: " + exception.Message, exitCode: 1);
        }

        if (isPlain)
        {
            context.Say(
                $"\nWARNING! Your credentials are stored unencrypted in '{credentials.File}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n");
            context.Error.Flush();
        }

        if (!string.IsNullOrEmpty(response.Status))
            context.Out.WriteLine(response.Status);
    }
}
