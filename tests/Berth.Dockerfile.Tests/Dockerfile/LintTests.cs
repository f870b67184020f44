using Berth.Dockerfile;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Linting;
using Berth.Dockerfile.Ignore;

namespace Berth.Dockerfile.Tests.Dockerfile;

public sealed class LintTests
{
    private const string Case = "ConsistentInstructionCasing: Command";
    private const string Once = "instructions should not be used in the same stage because only the last one will be used";

    [Theory]
    [InlineData("FROM scratch AS Bad", "StageNameCasing: Stage name 'Bad' should be lowercase (line 1)")]
    [InlineData("FROM scratch as b", "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)")]
    [InlineData("from scratch AS b", "FromAsCasing: 'AS' and 'from' keywords' casing do not match (line 1)")]
    [InlineData("FROM scratch\nCOPY a \\\n\n.\n", "NoEmptyContinuation: Empty continuation line (line 4)")]
    [InlineData("From scratch\nFROM scratch", Case + " 'From' should match the case of the command majority (uppercase) (line 1)")]
    [InlineData("FROM scratch\ncopy a b\ncopy c d", Case + " 'FROM' should match the case of the command majority (lowercase) (line 1)")]
    [InlineData("FROM scratch AS b\nFROM scratch AS B", "DuplicateStageName: Duplicate stage name \"b\", stage names should be unique (line 2)|StageNameCasing: Stage name 'B' should be lowercase (line 2)")]
    [InlineData("FROM scratch AS context", "ReservedStageName: Stage name should not use the same name as reserved stage \"context\" (line 1)")]
    [InlineData("FROM scratch\nCMD x", "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)")]
    [InlineData("FROM scratch AS a\nSHELL [\"x\"]\nFROM a\nENTRYPOINT x", "")]
    [InlineData("FROM scratch\nMAINTAINER me", "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)")]
    [InlineData("ARG tag=latest\nFROM img:${tag}${version}", "UndefinedArgInFrom: FROM argument 'version' is not declared (line 2)")]
    [InlineData("ARG MY_ARCH=x\nFROM --platform=linux/${MYARCH} img", "UndefinedArgInFrom: FROM argument 'MYARCH' is not declared (did you mean MY_ARCH?) (line 2)")]
    [InlineData("FROM scratch\nWORKDIR app/\nWORKDIR x", "WorkdirRelativePath: Relative workdir \"app/\" can have unexpected results if the base image changes (line 2)")]
    [InlineData("FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR sub", "")]
    [InlineData("FROM scratch\nCOPY $foo .\nARG foo\nCOPY $foo .", "UndefinedVar: Usage of undefined variable '$foo' (line 2)")]
    [InlineData("FROM scratch\nENV PATH=$PAHT:/x", "UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?) (line 2)")]
    [InlineData("FROM unknown\nCOPY $foo .", "")]
    [InlineData("FROM scratch\nCMD [\"a\"]\nRUN b\nCMD [\"c\"]", "MultipleInstructionsDisallowed: Multiple CMD " + Once + " (line 2)")]
    [InlineData("FROM scratch\nENV a b", "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format (line 2)")]
    [InlineData("FROM --platform=${TARGETPLATFORM} scratch", "RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior (line 1)")]
    [InlineData("FROM --platform=linux/amd64 scratch", "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\" (line 1)")]
    [InlineData("FROM --platform=linux/amd64 scratch AS my_amd64", "")]
    [InlineData("FROM scratch\nENV git_key= PUBLIC_KEY= sunflower=1", "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"git_key\") (line 2)")]
    [InlineData("ARG auth\nFROM scratch", "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG \"auth\") (line 1)")]
    [InlineData("ARG V\nFROM img:$V", "InvalidDefaultArgInFrom: Default value for ARG img:$V results in empty or invalid base image name (line 2)")]
    [InlineData("FROM scratch\nEXPOSE 80/TcP 127.0.0.1:80:80", "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80' (line 2)|ExposeProtoCasing: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase (line 2)")]
    [InlineData("FROM scratch\nCOPY Dockerfile .", "")]
    [InlineData("# check=experimental=CopyIgnoredFile\nFROM scratch\nCOPY Dockerfile .", "CopyIgnoredFile: Attempting to Copy file \"Dockerfile\" that is excluded by .dockerignore (line 3)")]
    [InlineData("# check=skip=all;experimental=all\n# bar is it\nARG foo=1\nFROM scratch AS Base", "InvalidDefinitionDescription: Comment for ARG should follow the format: `# foo <description>` (line 3)")]
    [InlineData("# check=skip=StageNameCasing, FromAsCasing\nFROM scratch as Bad", "")]
    public void AFileIsChecked(string file, string expected)
    {
        IReadOnlyList<LintWarning> warnings = DockerfileLinter.Check(TestFile.Read(file), new LintContext { Ignored = new IgnoreMatcher(["Dockerfile"]) });
        Assert.Equal(expected, string.Join('|', warnings.Select(static warning => warning.ToString()).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void WarningsBecomeErrors()
    {
        ParsedDockerfile file = TestFile.Read("# check=error=true\nFROM scratch AS Bad\nMAINTAINER x");
        IReadOnlyList<LintWarning> warnings = DockerfileLinter.Check(file);
        DockerfileException error = Assert.Throws<DockerfileException>(() => DockerfileLinter.ThrowIfErrors(warnings, DockerfileLinter.OptionsOf(file, new BuildInputs())));
        Assert.Equal("lint violation found for rules: MaintainerDeprecated, StageNameCasing", error.Message);
        Assert.Equal("https://docs.docker.com/go/dockerfile/rule/stage-name-casing/", warnings[0].Url);
        DockerfileLinter.ThrowIfErrors(warnings, new LintOptions());
    }

    [Theory]
    [InlineData("bogus=1", "invalid check option \"bogus\"")]
    [InlineData("skip", "invalid check option \"skip\"")]
    [InlineData("error=maybe", "failed to parse check option \"error=maybe\"")]
    public void AWrongDirectiveIsRefused(string check, string message) =>
        Assert.Equal(message, Assert.Throws<DockerfileException>(() => DockerfileLinter.Check(TestFile.Read($"# check={check}\nFROM scratch"))).Message);
}
