using System.Text.RegularExpressions;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.CliParity;

/// <summary><c>berth</c> beside the stock docker CLI, on one daemon: both have to print the same and to end alike.</summary>
public sealed partial class StockCliTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [DockerFact]
    public async Task Both_print_the_same_about_containers()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--name", name, "--network", "none", "--label", "a=b", "busybox", "sh", "-c", "echo new >/etc/new; exec sleep 1000")).Expect();
        await AssertSameAsync(
            ["pause"], ["pause", "nope"], ["unpause", name], ["rename", name], ["rename", name, ""], ["rename", "nope", "x"], ["top", "nope"], ["top"], ["diff", name],
            ["diff", "nope"], ["diff", ""], ["restart", "-t", "x", name], ["restart", "nope"], ["commit", "nope"], ["commit", name, "Bad"], ["commit", "a", "b", "c"],
            ["export", "nope"], ["export", "-o", "/nonexistent/x", name], ["export", "-o", "/tmp", name], ["export", "-o", "/dev/null", name], ["update"], ["update", name],
            ["update", "--restart", "no", name, "nope"], ["update", "-m", "x", name], ["port", name], ["port", name, "80"], ["port", name, "x"], ["port", "nope"],
            ["kill", "nope"], ["wait", "nope"], ["logs", "--since", "x", name], ["ps", "-a", "--no-trunc"], ["ps", "--filter", "x"], ["ps", "-n", "1"],
            ["container", "prune", "--filter", "bogus=1", "-f"], ["container", "prune", "x"], ["inspect", "-f", "{{.State.Status}} {{.HostConfig.RestartPolicy}}", name],
            ["inspect", "--type", "image", name], ["attach", "nope"], ["exec", "nope", "true"], ["exec", name], ["start", "nope", "nope2"]);
    }

    [DockerFact]
    public async Task Both_print_the_same_about_images()
    {
        await AssertSameAsync(
            ["images"], ["images", "--digests", "--no-trunc"], ["images", "--filter", "reference=b*"], ["images", "-q", "nope"], ["images", "--format", "json"], ["history", "busybox"],
            ["history", "-q", "--no-trunc", "busybox"], ["history", "-H=false", "busybox"], ["history", "nope"], ["history", "--format", "{{.Bogus}}", "busybox"],
            ["history", "--format", "table {{.ID}}\\t{{.Comment}}", "busybox"], ["save", "nope"], ["save", "-o", "/nonexistent/x", "busybox"], ["save"], ["load", "-i", "nope.tar"],
            ["load", "x"], ["tag", "nope", "x"], ["tag", "busybox", "Bad"], ["rmi", "nope"], ["rmi", "-f", "nope"], ["image", "prune", "--filter", "bogus=1", "-f"],
            ["image", "inspect", "-f", "{{.Id}} {{.RepoTags}}", "busybox", "nope"], ["import", "nope.tar"]);
    }

    [DockerFact]
    public async Task Both_print_the_same_tree_of_images()
    {
        string name = fixture.NewName();
        string layer = "a/" + new string('b', 60);
        (await fixture.Berth.RunAsync(["import", "-", name], BusyboxImage.Tar)).Expect();
        (await fixture.Berth.RunAsync(["import", "-", layer], BusyboxImage.Tar)).Expect();
        foreach (string further in (string[])[$"{name}:second", $"localhost:5000/{name}/{new string('c', 90)}:x", "a:1"])
            (await fixture.Berth.RunAsync("tag", name, further)).Expect();

        (await fixture.Berth.RunAsync(["import", "-"], BusyboxImage.Tar)).Expect();
        (await fixture.Berth.RunAsync("create", "--name", name, "--network", "none", name, "true")).Expect();
        (await fixture.Berth.RunAsync("commit", name)).Expect();
        await AssertSameAsync(
            ["images", "--tree"], ["images", "-a", "--tree"], ["image", "ls", "--tree", "a:1"], ["images", "--tree", "nope"], ["images", "--tree", "--filter", "dangling=true"],
            ["images", "-a", "--tree", "--filter", "dangling=true"], ["images", "--tree", "--filter", "reference=a*"], ["images", "--tree", "--filter", "x=y"], ["images", "--tree", "-q"],
            ["images", "--tree", "--no-trunc"], ["images", "--tree", "--digests"], ["images", "--tree", "--format", "json"], ["images", "--tree=false", "nope"]);
        foreach (int columns in (int[])[160, 80, 50, 12])
            Assert.Equal(await ShowAsync(fixture.Client(Clients.Docker), columns, "images", "-a", "--tree"), await ShowAsync(fixture.Berth, columns, "images", "-a", "--tree"));
    }

    [DockerFact]
    public async Task Both_print_the_same_about_the_system()
    {
        await AssertSameAsync(
            ["system", "df"], ["system", "df", "-v"], ["system", "df", "--format", "json"], ["system", "df", "--format", "{{.Bogus}}"], ["system", "df", "x"], ["system", "prune", "x"],
            ["events", "--since", "x"], ["events", "--filter", "x"], ["events", "x"], ["events", "--since", "0", "--until", "1"], ["events", "--format", "{{", "--until", "1"],
            ["info", "-f", "{{.Containers}} {{.Images}} {{.Driver}}"], ["version", "-f", "{{.Server.Version}}"]);
    }

    [DockerFact]
    public async Task Both_ask_before_they_remove()
    {
        foreach (string[] arguments in (string[][])[["container", "prune"], ["image", "prune"], ["image", "prune", "-a"], ["system", "prune"], ["system", "prune", "-a", "--volumes", "--filter", "label=x"]])
        {
            CommandResult stock = await fixture.Client(Clients.Docker).RunAsync(arguments, "n\n"u8.ToArray());
            CommandResult own = await fixture.Berth.RunAsync(arguments, "n\n"u8.ToArray());
            Assert.Equal((stock.ExitCode, stock.Output, Steady(stock.Error)), (own.ExitCode, own.Output, Steady(own.Error)));
        }
    }

    [DockerFact]
    public async Task Both_refuse_the_same_flags()
    {
        string[][] flags =
        [
            ["-p", "x"], ["-p", "80/xyz"], ["-p", "127.0.0.1:80-81:90-92"], ["--expose", "80:90"], ["--expose", "1-x"], ["--mount", "type=bind"], ["--mount", "type=volume,dst=/x,tmpfs-size=1"],
            ["--mount", "type=bind,src=/a,dst=/x,bogus=1"], ["--device-read-bps", "/dev/sda:x"], ["--blkio-weight-device", "/dev/sda:1"], ["--gpus", "bogus"], ["--mac-address", "x"],
            ["--network-alias", "b"], ["--pull", "bogus"], ["--restart", "always", "--rm"], ["--storage-opt", "x"], ["--ulimit", "x"], ["--device", "/x:bogus:rwx"], ["--add-host", "x"],
            ["--dns", "x"], ["--cgroupns", "x"], ["--pid", "x"], ["--uts", "x"], ["--memory-swappiness", "200"], ["--shm-size", "x"], ["--cpus", "x"], ["--env", "=x"], ["--label", "=x"], ["-a", "x"],
            ["--security-opt", "x"], ["--env-file", "/nope"], ["--stop-timeout", "x"], ["--health-interval", "1x"], ["--health-retries", "-1"], ["--no-healthcheck", "--health-cmd", "x"], ["--bogus"],
        ];
        await AssertSameAsync([.. flags.Select(words => (string[])["create", .. words, "busybox", "true"])]);
    }

    private static async Task<string> ShowAsync(Cli cli, int columns, params string[] command)
    {
        await using var terminal = new PtySession(cli, command, columns: columns);
        Assert.Equal(0, await terminal.WaitAsync());
        return terminal.FinalScreen();
    }

    private async Task AssertSameAsync(params string[][] commands)
    {
        var differences = new List<string>();
        foreach (string[] command in commands)
        {
            // Once more when they differ: a second may have passed between them.
            for (int tries = 1; ; tries++)
            {
                CommandResult stock = await fixture.Client(Clients.Docker).RunAsync(command);
                CommandResult own = await fixture.Berth.RunAsync(command);
                string wanted = $"{stock.ExitCode}\n{Steady(stock.Output)}\n{Steady(stock.Error)}";
                string got = $"{own.ExitCode}\n{Steady(own.Output)}\n{Steady(own.Error)}";
                if (wanted == got)
                    break;

                if (tries == 2)
                {
                    differences.Add($"$ {string.Join(' ', command)}\n--- docker: {wanted}\n--- berth: {got}");
                    break;
                }
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    /// <summary>Without the programs' names and ages.</summary>
    private static string Steady(string text) => Ages().Replace(Names().Replace(text, "docker"), "some time ago");

    [GeneratedRegex("\\bberth\\b")]
    private static partial Regex Names();

    [GeneratedRegex("([0-9]+|About an?|Less than a) (second|minute|hour)s?( ago)? *")]
    private static partial Regex Ages();
}
