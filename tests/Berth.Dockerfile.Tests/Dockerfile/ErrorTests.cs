using System.Text;
using Berth.Dockerfile;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;

namespace Berth.Dockerfile.Tests.Dockerfile;

/// <summary>Bad files and what dockerd 20.10 says to them, word for word.</summary>
public sealed class ErrorTests
{
    private const string Line1 = "dockerfile parse error line 1: ";
    private const string Line2 = "dockerfile parse error line 2: ";
    private const string Parse = "failed to parse Dockerfile: ";
    private const string NoDestination = " requires at least two arguments, but only one was provided. Destination could not be determined";

    [Theory]
    [InlineData("", "the Dockerfile (Dockerfile) cannot be empty")]
    [InlineData("#only comment", Parse + "file with no instructions")]
    [InlineData("\n \n", Parse + "file with no instructions")]
    [InlineData("RUN x", "no build stage in current context")]
    [InlineData("COPY a", Line1 + "COPY" + NoDestination)]
    [InlineData("FROM", Line1 + "FROM requires either one or three arguments")]
    [InlineData("FROM a b", Line1 + "FROM requires either one or three arguments")]
    [InlineData("FROM a b c", Line1 + "FROM requires either one or three arguments")]
    [InlineData("FROM a AS", Line1 + "FROM requires either one or three arguments")]
    [InlineData("FROM a AS 1x", Line1 + "invalid name for build stage: \"1x\", name can't start with a number or contain symbols")]
    [InlineData("FROM a AS X!", Line1 + "invalid name for build stage: \"X!\", name can't start with a number or contain symbols")]
    [InlineData("FROM --platform img", Line1 + "Missing a value on flag: platform")]
    [InlineData("FROM --bogus=1 img", Line1 + "Unknown flag: bogus")]
    [InlineData("# escape=x\nFROM i", Parse + "invalid escape token 'x' does not match ` or \\")]
    [InlineData("# escape=`\n# escape=`\nFROM i", Parse + "only one escape parser directive can be used")]
    [InlineData("# syntax=a\n# SYNTAX=b\nFROM i", Parse + "only one syntax parser directive can be used")]
    public void FilesAreRefusedInDockersWords(string file, string message) => Assert.Equal(message, Refused(file).Message);

    [Theory]
    [InlineData("BOGUS x", Line2 + "unknown instruction: BOGUS")]
    [InlineData("bogus", Line2 + "unknown instruction: BOGUS")]
    [InlineData("BO\"GUS x", Line2 + "unknown instruction: BO\"GUS")]
    [InlineData("--x RUN y", Line2 + "unknown instruction: --X")]
    [InlineData("ENV", Line2 + "ENV requires at least one argument")]
    [InlineData("ENV a", Parse + "ENV must have two arguments")]
    [InlineData("ENV a=b c", Parse + "Syntax error - can't find = in \"c\". Must be of the form: name=value")]
    [InlineData("ENV =b", Line2 + "ENV names can not be blank")]
    [InlineData("ENV a=${b:?gone away}", Parse + "Syntax error - can't find = in \"away}\". Must be of the form: name=value")]
    [InlineData("LABEL", Line2 + "LABEL requires at least one argument")]
    [InlineData("LABEL a", Parse + "LABEL must have two arguments")]
    [InlineData("LABEL =x", Line2 + "LABEL names can not be blank")]
    [InlineData("COPY", Line2 + "COPY" + NoDestination)]
    [InlineData("COPY a", Line2 + "COPY" + NoDestination)]
    [InlineData("COPY [\"a\"]", Line2 + "COPY" + NoDestination)]
    [InlineData("ADD", Line2 + "ADD" + NoDestination)]
    [InlineData("COPY --from=x", Line2 + "COPY" + NoDestination)]
    [InlineData("COPY --bogus a b", Line2 + "Unknown flag: bogus")]
    [InlineData("COPY --chown a b", Line2 + "Missing a value on flag: chown")]
    [InlineData("COPY --chown=1 --chown=2 a b", Line2 + "Duplicate flag specified: chown")]
    [InlineData("ADD --from=x a b", Line2 + "Unknown flag: from")]
    [InlineData("RUN --bogus ls", Line2 + "Unknown flag: bogus")]
    [InlineData("RUN --mount", Line2 + "Missing a value on flag: mount")]
    [InlineData("CMD --bogus ls", Line2 + "Unknown flag: bogus")]
    [InlineData("RUN [\"a\", 1]", Parse + "when using JSON array syntax, arrays must be comprised of strings only")]
    [InlineData("COPY [\"a\", 1]", Parse + "when using JSON array syntax, arrays must be comprised of strings only")]
    [InlineData("WORKDIR", Line2 + "WORKDIR requires exactly one argument")]
    [InlineData("USER", Line2 + "USER requires exactly one argument")]
    [InlineData("EXPOSE", Line2 + "EXPOSE requires at least one argument")]
    [InlineData("EXPOSE --x y", Line2 + "Unknown flag: x")]
    [InlineData("VOLUME", Line2 + "VOLUME requires at least one argument")]
    [InlineData("VOLUME [\"\"]", Line2 + "VOLUME specified can not be an empty string")]
    [InlineData("VOLUME []", Line2 + "VOLUME requires at least one argument")]
    [InlineData("STOPSIGNAL", Line2 + "STOPSIGNAL requires exactly one argument")]
    [InlineData("HEALTHCHECK", Line2 + "HEALTHCHECK requires at least one argument")]
    [InlineData("HEALTHCHECK NONE x", Line2 + "HEALTHCHECK NONE takes no arguments")]
    [InlineData("HEALTHCHECK FOO x", Line2 + "Unknown type \"FOO\" in HEALTHCHECK (try CMD)")]
    [InlineData("HEALTHCHECK CMD", Line2 + "Missing command after HEALTHCHECK CMD")]
    [InlineData("HEALTHCHECK CMD []", Line2 + "Missing command after HEALTHCHECK CMD")]
    [InlineData("HEALTHCHECK --interval=1ns CMD x", Line2 + "Interval \"interval\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --interval=abc CMD x", Line2 + "time: invalid duration \"abc\"")]
    [InlineData("HEALTHCHECK --interval=-5s CMD x", Line2 + "Interval \"interval\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --interval=5 CMD x", Line2 + "time: missing unit in duration \"5\"")]
    [InlineData("HEALTHCHECK --timeout=1us CMD x", Line2 + "Interval \"timeout\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --start-period=1us CMD x", Line2 + "Interval \"start-period\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --retries=-1 CMD x", Line2 + "--retries must be at least 1 (not -1)")]
    [InlineData("HEALTHCHECK --retries=abc CMD x", Line2 + "strconv.ParseInt: parsing \"abc\": invalid syntax")]
    [InlineData("HEALTHCHECK --retries=99999999999 CMD x", Line2 + "strconv.ParseInt: parsing \"99999999999\": value out of range")]
    [InlineData("HEALTHCHECK --bogus=1 CMD x", Line2 + "Unknown flag: bogus")]
    [InlineData("ONBUILD", Line2 + "ONBUILD requires at least one argument")]
    [InlineData("ONBUILD ONBUILD RUN x", Line2 + "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    [InlineData("ONBUILD FROM x", Line2 + "FROM isn't allowed as an ONBUILD trigger")]
    [InlineData("ONBUILD MAINTAINER x", Line2 + "MAINTAINER isn't allowed as an ONBUILD trigger")]
    [InlineData("MAINTAINER", Line2 + "MAINTAINER requires exactly one argument")]
    [InlineData("MAINTAINER --x y", Line2 + "Unknown flag: x")]
    [InlineData("SHELL", Line2 + "SHELL requires at least one argument")]
    [InlineData("SHELL foo", Line2 + "SHELL requires the arguments to be in JSON form")]
    [InlineData("SHELL []", Line2 + "SHELL requires at least one argument")]
    [InlineData("SHELL [\"a\",1]", Parse + "when using JSON array syntax, arrays must be comprised of strings only")]
    [InlineData("ARG", Line2 + "ARG requires at least one argument")]
    [InlineData("ARG =b", Line2 + "ARG names can not be blank")]
    [InlineData("FROM", Line2 + "FROM requires either one or three arguments")]
    [InlineData("VOLUME --x y", Line2 + "Unknown flag: x")]
    public void InstructionsAreRefusedInDockersWords(string instruction, string message) => Assert.Equal(message, Refused("FROM img\n" + instruction).Message);

    [Theory]
    [InlineData("RUM x", "unknown instruction: RUM (did you mean RUN?)")]
    [InlineData("COPY --chownn=1 a b", "Unknown flag: chownn (did you mean chown?)")]
    [InlineData("RUN", "RUN requires at least one argument")]
    [InlineData("RUN []", "RUN requires at least one argument")]
    [InlineData("RUN --device=x y", "RUN --device is not supported: there are no devices in builds; leave the flag out")]
    [InlineData("RUN --network=bridge x", "unsupported network mode \"bridge\"")]
    [InlineData("RUN --security=none x", "security \"none\" is not valid")]
    [InlineData("HEALTHCHECK --interval=5s NONE", "HEALTHCHECK NONE takes no options: --interval=5s")]
    [InlineData("COPY --link=maybe a b", "Expecting boolean value for flag link, not: maybe")]
    [InlineData("COPY --link= a b", "Missing a value on flag: link")]
    [InlineData("COPY a <<EOF\nEOF", "COPY cannot accept a heredoc as a destination")]
    [InlineData("RUN --mount=type=bidn,target=/x y", "unsupported mount type \"bidn\" (did you mean bind?)")]
    [InlineData("RUN --mount=trget=/x y", "unexpected key 'trget' in 'trget=/x' (did you mean target?)")]
    [InlineData("RUN --mount=target y", "invalid field 'target' must be a key=value pair")]
    [InlineData("RUN --mount=type=bind,size=1,target=/x y", "unexpected key 'size' for mount type 'bind'")]
    [InlineData("RUN --mount=type=tmpfs,size=x,target=/x y", "invalid value for size: x")]
    [InlineData("RUN --mount=type=cache,sharing=all,target=/x y", "unsupported sharing value \"all\"")]
    [InlineData("RUN --mount=type=bind,mode=755,target=/x y", "mode not allowed for \"bind\" type mounts")]
    [InlineData("RUN --mount=type=cache,mode=9,target=/x y", "invalid value 9 for mode")]
    [InlineData("RUN --mount=type=cache,uid=4294967296,target=/x y", "invalid value 4294967296 for uid")]
    [InlineData("RUN --mount=type=bind,ro=maybe,target=/x y", "invalid value for readonly: maybe")]
    [InlineData("RUN --mount=type=secret y", "invalid secret mount. one of source, target required")]
    [InlineData("RUN --mount=type=secret,id=a,src=b y", "both source and id can't be set")]
    [InlineData("RUN --mount=type=secret,id=a,from=b y", "secret mount should not have a from")]
    [InlineData("RUN --mount=type=bind,sharing=locked,target=/x y", "invalid cache sharing set for bind mount")]
    [InlineData("RUN --mount=from=$x,target=/x y", "'from' doesn't support variable expansion, define alias stage instead")]
    [InlineData("RUN --mount=target=/x,dst=/y z", "duplicate key 'target' in 'target=/x,dst=/y'")]
    public void WhatDocker20DoesNotKnowIsRefusedClearly(string instruction, string reason) =>
        Assert.Equal(reason, Refused("FROM img\n" + instruction).Reason);

    [Theory]
    [InlineData("EXPOSE abc", "Invalid containerPort: abc")]
    [InlineData("EXPOSE 80/foo", "Invalid proto: foo")]
    [InlineData("EXPOSE 99999", "Invalid containerPort: 99999")]
    [InlineData("EXPOSE 90-80", "Invalid containerPort: 90-80")]
    [InlineData("ENV a='x", "failed to process \"'x\": unexpected end of statement while looking for matching single-quote")]
    [InlineData("ENV a=\"x", "failed to process \"\\\"x\": unexpected end of statement while looking for matching double-quote")]
    [InlineData("LABEL \"a=b", "failed to process \"\\\"a\": unexpected end of statement while looking for matching double-quote")]
    [InlineData("ENV a=${b:?}", "failed to process \"${b:?}\": b: is not allowed to be unset")]
    [InlineData("ENV a=${}", "failed to process \"${}\": syntax error: bad substitution")]
    [InlineData("ENV a=${:x}", "failed to process \"${:x}\": syntax error: bad substitution")]
    [InlineData("ENV ${a}=b", "invalid environment variable: =b")]
    [InlineData("WORKDIR $x", "cannot normalize nothing")]
    [InlineData("VOLUME $x", "VOLUME specified can not be an empty string")]
    [InlineData("STOPSIGNAL $x", "Invalid signal: ")]
    [InlineData("USER ${x:=y}", "failed to process \"${x:=y}\": unsupported modifier (:=) in substitution")] // 20.10: (=)
    [InlineData("USER ${x", "failed to process \"${x\": syntax error: missing '}'")] // 20.10: missing ':' in substitution
    public void WhatVariablesMakeIsRefusedInDockersWords(string instruction, string message) =>
        Assert.Equal(message, Assert.Throws<DockerfileException>(() => TestFile.Expand(TestFile.Read("FROM img\n" + instruction))).Message);

    [Theory]
    [InlineData("FROM $X", "base name ($X) should not be blank")]
    [InlineData("ARG X\nFROM $X", "base name ($X) should not be blank")]
    [InlineData("FROM --platform=$BULIDPLATFORM img", "empty platform value from expression $BULIDPLATFORM (did you mean BUILDPLATFORM?)")]
    public void AnEmptyBaseIsRefused(string file, string message)
    {
        ParsedDockerfile parsed = TestFile.Read(file);
        Assert.Equal(message, Assert.Throws<DockerfileException>(() => new GlobalScope(parsed, new BuildInputs()).ExpandFrom(parsed.Stages[0])).Message);
    }

    [Fact]
    public void ErrorsOfSplittingComeBeforeThoseOfInstructions() =>
        Assert.Equal(Parse + "ENV must have two arguments", Refused("FROM img\nBOGUS\nENV a").Message);

    [Fact]
    public void AnErrorIsShownWhereItIs()
    {
        const string File = "FROM img\nRUN a \\\n  b\nBOGUS \u001b[31m\nRUN c\nRUN d\nRUN e\n";
        DockerfileException error = Refused(File);
        Assert.Equal(new SourceRange(4, 4), error.Range);
        Assert.Equal(
            "Dockerfile:4\n--------------------\n   2 |     RUN a \\\n   3 |       b\n   4 | >>> BOGUS  [31m\n   5 |     RUN c\n   6 |     RUN d\n--------------------\n",
            DockerfileSource.Read(Encoding.UTF8.GetBytes(File)).Excerpt(error.Range));
    }

    internal static DockerfileException Refused(string file) => Assert.Throws<DockerfileException>(() => TestFile.Read(file));
}
