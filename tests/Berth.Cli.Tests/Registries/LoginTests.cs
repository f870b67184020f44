using System.Text;
using Berth.Cli.Terminal;
using Berth.Cli.Tests.Support;

namespace Berth.Cli.Tests.Registries;

/// <summary><c>login</c> and <c>logout</c> against a daemon that takes every password; the texts are the stock CLI's.</summary>
public sealed class LoginTests : IDisposable
{
    private const string Warning = "\nWARNING! Your credentials are stored unencrypted in 'FILE'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n";
    private const string Existing = "Authenticating with existing credentials... [Username: joe]\n\n Info -> To login with a different account, run 'berth logout' followed by 'berth login'\n\n\n";
    private readonly string folder = Directory.CreateTempSubdirectory("berth-login-").FullName;
    private readonly EngineReplay engine = new();

    public LoginTests() => File.WriteAllText(Path.Combine(folder, "registries.json"), "{}"); // or the machine's would count

    public void Dispose()
    {
        engine.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_password_from_stdin_is_kept_used_and_forgotten()
    {
        Assert.Equal((0, "Login Succeeded\n", Warning), await RunAsync("  secret \r\n", "login", "-u", "joe", "--password-stdin", "https://localhost:5000/v2/"));
        Assert.Equal("POST /auth {\"password\":\"secret\",\"serveraddress\":\"localhost:5000\",\"username\":\"joe\"}\n", engine.TakeRequests());
        Assert.Equal((0, "Login Succeeded\n", Existing), await RunAsync("", "login", "localhost:5000"));
        Assert.Equal("POST /auth {\"password\":\"secret\",\"serveraddress\":\"localhost:5000\",\"username\":\"joe\"}\n", engine.TakeRequests());
        Assert.Equal(0, (await RunAsync("", "pull", "-q", "localhost:5000/x")).Status);
        Assert.Equal(
            "POST /images/create?fromImage=localhost:5000/x&tag=latest for {\"password\":\"secret\",\"serveraddress\":\"localhost:5000\",\"username\":\"joe\"}\n", engine.TakeRequests());
        Assert.Equal((0, "Removing login credentials for localhost:5000\n", ""), await RunAsync("", "logout", "localhost:5000"));
        Assert.Equal((0, "Removing login credentials for localhost:5000\n", ""), await RunAsync("", "logout", "localhost:5000"));
        Assert.Equal(0, (await RunAsync("", "pull", "-q", "localhost:5000/x")).Status);
        Assert.Equal("POST /images/create?fromImage=localhost:5000/x&tag=latest for {}\n", engine.TakeRequests());
    }

    [Theory]
    [InlineData("username is empty", "-u", "", "-p", "pw", "a")]
    [InlineData("password is empty", "-u", "joe", "-p", "", "a")]
    [InlineData("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\nconflicting options: cannot specify both --password and --password-stdin", "-u", "j", "-p", "x", "--password-stdin")]
    [InlineData("the --password-stdin option requires --username to be set", "--password-stdin", "a")]
    [InlineData("Error: Cannot perform an interactive login from a non TTY device", "a")]
    [InlineData("Error: Cannot perform an interactive login from a non TTY device", "-u", "joe", "--password-stdin", "a")]
    public async Task What_cannot_be_is_refused(string problem, params string[] arguments)
    {
        Assert.Equal((1, "", problem + "\n"), await RunAsync("", ["login", .. arguments]));
        Assert.Equal("", engine.TakeRequests());
    }

    [Theory]
    [InlineData("joe\npw\n", "Username: Password: \nLogin Succeeded\n", 0)]
    [InlineData("\n", "Username: ", 1)]
    [InlineData("joe\n\n", "Username: Password: \n", 1)]
    public async Task Asks_for_what_is_missing(string answers, string shown, int status)
    {
        (int actual, string output, _) = await RunAsync(answers, "login", "r.example");
        Assert.Equal((status, shown), (actual, output));
    }

    [Fact]
    public async Task Docker_Hub_has_its_own_key()
    {
        Assert.Equal(0, (await RunAsync("pw", "login", "-u", "joe", "--password-stdin")).Status);
        Assert.Contains("\"https://index.docker.io/v1/\"", File.ReadAllText(Path.Combine(folder, "config.json")), StringComparison.Ordinal);
        engine.TakeRequests();
        await RunAsync("", "push", "-q", "me/x:1");
        Assert.Equal("POST /images/docker.io/me/x/push?tag=1 for {\"password\":\"pw\",\"serveraddress\":\"https://index.docker.io/v1/\",\"username\":\"joe\"}\n", engine.TakeRequests());
    }

    [Fact]
    public async Task A_broken_file_stands_in_nobodys_way_but_is_not_overwritten()
    {
        File.WriteAllText(Path.Combine(folder, "config.json"), "{");
        (int status, string output, string error) = await RunAsync("", "pull", "-q", "r.example/x");
        Assert.Equal((0, "r.example/x:latest\n"), (status, output));
        Assert.StartsWith("WARNING: no credentials for r.example: FILE: line 1, ", error, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync("pw", "login", "-u", "joe", "--password-stdin", "r.example")).Status);
        Assert.Equal("{", File.ReadAllText(Path.Combine(folder, "config.json")));
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        var outText = new TextOutput(output);
        var errorText = new TextOutput(error);
        using Stream answers = input.Length == 0 ? Stream.Null : new MemoryStream(Encoding.UTF8.GetBytes(input));
        int status = await CommandLine.RunAsync(["-H", engine.Host, "--config", folder, .. arguments], outText, errorText, answers);
        outText.Flush();
        errorText.Flush();
        return (status, Encoding.UTF8.GetString(output.ToArray()), Encoding.UTF8.GetString(error.ToArray()).Replace(Path.Combine(folder, "config.json"), "FILE", StringComparison.Ordinal));
    }
}
